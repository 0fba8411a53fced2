"""Uploads until they are answered, beside ``unzip`` of the same zips."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults import Broken
from benchmarks.memory import Memory
from benchmarks.report import Row, Table, at_least, mb, median, ms, speed
from benchmarks.session import Server, Session, timed
from benchmarks.trees import Tree

TARGETS = {"one1g": at_least(3), "many10k": at_least(1.7), "text500m": at_least(2.5)}
NOTES = [
    "pfcon: from connect() until the 201 is read: upload, spooling, checks, unpacking, and starting a job of `true`.",
    "beside: `unzip -q` of the same zip on the same file system. Medians of interleaved runs, each after sync(2), "
    "into fresh directories; the zips are in the page cache.",
]


@dataclass
class _Times:
    posts: list[float] = field(default_factory=list)
    unzips: list[float] = field(default_factory=list)
    peak: Memory = field(default_factory=lambda: Memory(0, 0, 0))


def measure(session: Session) -> Table:
    """All three trees, and what a POST takes whatever it brings."""
    table = Table("Staging: POST beside unzip", notes=list(NOTES))
    for name, target in TARGETS.items():
        tree = session.tree(name)
        with (
            session.fresh("staging", keep=tree.nfiles > 100) as directory,
            session.server(directory) as server,
        ):
            fixed = _fixed_cost(session, server)
            rest = server.memory()
            times = _Times()
            for number in range(session.rounds):
                session.say(f"staging {name}, {number + 1} of {session.rounds}")
                _pair(times, server, tree, directory / f"unzip{number}")
        post, unzip = median(times.posts), median(times.unzips)
        own = (
            f"{speed(tree.nbytes, times.posts)}; RSS {mb(rest.rss)} → {mb(times.peak.rss)}, PSS {mb(times.peak.pss)}, "
            f"biggest process {mb(times.peak.rss_one)}"
        )
        table.rows.append(Row(_title(tree), own, f"unzip {speed(tree.nbytes, times.unzips)}", unzip / post, target))
        table.notes.append(
            f"{name}: a POST with one byte in its zip takes {ms(fixed)} (most of it starts the job), which is in the "
            f"figure above; without it the ratio is {unzip / (post - fixed):.2f}×."
        )
    return table


def _title(tree: Tree) -> str:
    return f"{tree.name}: {tree.nfiles} files, {mb(tree.nbytes)}, zip {mb(tree.path.stat().st_size)}"


def _fixed_cost(session: Session, server: Server) -> float:
    tiny = session.tree("tiny")
    seconds = [server.client.submit(server.job(), tiny.path).seconds for _ in range(2 * session.rounds)]
    return median(seconds[session.rounds :])  # the first ones load modules


def _pair(times: _Times, server: Server, tree: Tree, target: Path) -> None:
    os.sync()
    with server.watch() as watch:
        answer = server.client.submit(server.job(), tree.path)
    if answer.data["data"]["nfiles"] != tree.nfiles:
        raise Broken(f"{tree.name}: {tree.nfiles} files were sent, not {answer.data['data']}")
    times.posts.append(answer.seconds)
    times.peak = times.peak.peak(watch.peak)
    target.mkdir()
    os.sync()
    times.unzips.append(timed(["unzip", "-q", str(tree.path), "-d", str(target)], target))
