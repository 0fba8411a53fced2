"""Lists of outputs, beside ``find`` on the same tree."""

import json
import os
from pathlib import Path
from urllib.parse import quote

from benchmarks.faults import Broken
from benchmarks.memory import Memory
from benchmarks.plain import plain_tree
from benchmarks.report import Row, Table, at_least, mb, median, ms
from benchmarks.session import Server, Session, timed
from benchmarks.staged import FSLINK, USERS, StagedJob

TARGET = at_least(0.333)  # at most three times as long as find
NOTES = [
    "pfcon: GET pluginjobs/<jid>/file/, from connect() until the last byte is read and dropped, on a new connection.",
    "beside: `find DIR -type f > /dev/null`. Medians of interleaved runs; the directories are in the page cache.",
]


def measure(session: Session) -> Table:
    """Many directories of a hundred files, and all files in one."""
    table = Table("Listing: GET file/ beside find", notes=list(NOTES))
    with (
        session.fresh("listing", keep=True) as directory,
        session.server(directory, settings=FSLINK) as server,
    ):
        plain_tree("tiny", quick=session.quick).write(server.storebase / USERS)
        for name in ("little200k", "flat200k"):
            table.rows.append(_row(session, server, name))
    return table


def _row(session: Session, server: Server, name: str) -> Row:
    job = StagedJob(server)
    job.copy("tiny")
    job.plugin("tiny")
    session.say(f"writing {name}")
    tree = plain_tree(name, quick=session.quick).write(job.outputs)
    path = f"pluginjobs/{job.jid}/file/?job_output_path={quote(job.output_dir)}"
    _check(server, path, job.outputs, tree.nfiles)
    rest = server.memory()
    gets, finds, peak, wire = [], [], Memory(0, 0, 0), 0
    timed(["find", ".", "-type", "f"], job.outputs)
    for number in range(3 * session.rounds):
        session.say(f"listing {name}, {number + 1} of {3 * session.rounds}")
        with server.watch() as watch:
            got = server.client.fetch(path)
        gets.append(got.seconds)
        wire = got.nbytes
        peak = peak.peak(watch.peak)
        finds.append(timed(["find", ".", "-type", "f"], job.outputs))
    own = f"{_told(gets)}, {mb(wire)} of JSON; RSS {mb(rest.rss)} → {mb(peak.rss)}"
    title = f"{tree.nfiles} outputs, {tree.in_each} in a directory"
    return Row(title, own, f"find {_told(finds)}", median(finds) / median(gets), TARGET)


def _told(seconds: list[float]) -> str:
    return f"{ms(median(seconds))} ({min(seconds) * 1000:.0f} to {max(seconds) * 1000:.0f})"


def _check(server: Server, path: str, outputs: Path, nfiles: int) -> None:
    """What is fast has to be right too. This is not measured."""
    told = json.loads(server.client.call("GET", path))["rel_file_paths"]
    there = {
        os.path.relpath(os.path.join(above, name), outputs) for above, _, names in os.walk(outputs) for name in names
    }
    if len(told) != nfiles or set(told) != there:
        raise Broken(f"{len(told)} of {nfiles} outputs were listed, or others")
