"""Downloads of outputs, beside ``zip -1`` of the same directory."""

import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults import Broken
from benchmarks.memory import Memory
from benchmarks.report import Row, Table, Target, at_least, at_most, mb, median, ms, speed
from benchmarks.session import COPY, Server, Session, timed
from benchmarks.trees import Tree

TARGETS: dict[str, Target | None] = {"one1g": at_least(12), "many10k": None, "text500m": at_least(3.5)}
FIRST_BYTE = at_most(50, " ms")
NOTES = [
    "pfcon: from connect() until the last byte is read and dropped. First byte: of the body, the worst of all runs.",
    "beside: `zip -1 -q -r -` of the same directory to /dev/null. Medians of interleaved runs, each after sync(2).",
]


@dataclass
class _Times:
    gets: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    zips: list[float] = field(default_factory=list)
    wire: int = 0
    peak: Memory = field(default_factory=lambda: Memory(0, 0, 0))


def measure(session: Session) -> Table:
    """All three trees, as outputs of a job that copied its inputs."""
    table = Table("Download: GET file/ beside zip -1", notes=list(NOTES))
    for name, target in TARGETS.items():
        tree = session.tree(name)
        with (
            session.fresh("download", keep=tree.nfiles > 100) as directory,
            session.server(directory) as server,
        ):
            job = server.job(COPY)
            server.run(job, tree.path)
            _check(server, job.jid, tree, directory / "check.zip")
            rest = server.memory()
            times = _Times()
            for number in range(session.rounds):
                session.say(f"download {name}, {number + 1} of {session.rounds}")
                _pair(times, server, job.jid, server.outgoing(job))
        table.rows += _rows(tree, target, times, rest)
    return table


def _rows(tree: Tree, target: Target | None, times: _Times, rest: Memory) -> list[Row]:
    get, zipped, first = median(times.gets), median(times.zips), max(times.firsts)
    own = (
        f"{speed(tree.nbytes, times.gets)}, zip {mb(times.wire)}; RSS {mb(rest.rss)} → {mb(times.peak.rss)}, "
        f"PSS {mb(times.peak.pss)}, biggest process {mb(times.peak.rss_one)}"
    )
    title = f"{tree.name}: {tree.nfiles} files, {mb(tree.nbytes)}"
    return [
        Row(title, own, f"zip -1 {speed(tree.nbytes, times.zips)}", zipped / get, target),
        Row(f"{tree.name}: first byte", ms(first), target=FIRST_BYTE, figure=first * 1000),
    ]


def _check(server: Server, jid: str, tree: Tree, path: Path) -> None:
    """What is fast has to be right too. This is not measured."""
    server.client.save(jid, path)
    with zipfile.ZipFile(path) as archive:
        found = (len(archive.namelist()), sum(member.file_size for member in archive.infolist()))
        if found != (tree.nfiles, tree.nbytes) or archive.testzip() is not None:
            raise Broken(f"{tree.name}: the download holds {found} files and bytes, or damaged ones")


def _pair(times: _Times, server: Server, jid: str, outgoing: Path) -> None:
    os.sync()
    with server.watch() as watch:
        got = server.client.download(jid)
    times.gets.append(got.seconds)
    times.firsts.append(got.first_byte)
    times.wire = got.nbytes
    times.peak = times.peak.peak(watch.peak)
    os.sync()
    times.zips.append(timed(["zip", "-1", "-q", "-r", "-", "."], outgoing))
