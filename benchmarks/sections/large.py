"""Memory of each server process while 4 GiB go in and out."""

import os

from benchmarks.memory import Memory
from benchmarks.report import Row, Table, at_most, mb, speed
from benchmarks.session import COPY, Session
from benchmarks.trees import MIB, Tree

TARGET = at_most(200, " MiB for each process")


def measure(session: Session) -> Table:
    """One file of incompressible data, stored in its zip."""
    tree = session.tree("big4g")
    table = Table(
        "Memory during 4 GiB transfers", notes=[f"The file has {mb(tree.nbytes)}; the zip holds it as it is."]
    )
    with session.fresh("large") as directory, session.server(directory) as server:
        job = server.job(COPY)
        os.sync()
        session.say("uploading big4g")
        with server.watch() as watch:
            seconds = server.client.submit(job, tree.path).seconds
        table.rows.append(_row("upload", tree, seconds, watch.peak))
        server.client.wait(job.jid)
        os.sync()
        session.say("downloading big4g")
        with server.watch() as watch:
            seconds = server.client.download(job.jid).seconds
        table.rows.append(_row("download", tree, seconds, watch.peak))
    return table


def _row(what: str, tree: Tree, seconds: float, peak: Memory) -> Row:
    own = f"biggest process {peak.rss_one / MIB:.0f} MiB; all: RSS {mb(peak.rss)}, PSS {mb(peak.pss)}; "
    return Row(what, own + speed(tree.nbytes, [seconds]), target=TARGET, figure=peak.rss_one / MIB)
