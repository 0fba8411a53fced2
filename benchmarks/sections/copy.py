"""Copying inputs with storage ``fslink``, beside ``cp -r`` of the same tree on the same file system."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults import Broken
from benchmarks.plain import PlainTree, plain_tree
from benchmarks.report import Row, Table, at_least, at_most, mb, median, ms, speed
from benchmarks.session import Server, Session, timed
from benchmarks.staged import FSLINK, POLL, USERS, Ran, StagedJob, count, operate, order_copy
from benchmarks.trees import MIB

ROUNDS = {"many10k": 9, "one1g": 9, "big4g": 5}  # short runs lie further apart
TARGET = at_least(1)
MEMORY = at_most(200, " MiB")
FLAT = at_most(8, " MiB more")
NOTES = [
    "operation: `python -m pfcon.operations copy` as a program of its own, from its start to its end; its start is "
    "what it takes to copy one byte. The ratio is that of the copying alone.",
    f"copy job: from the POST until its status, asked for every {POLL * 1000:.0f} ms, is final.",
    "beside: `cp -r` of the same tree. Medians of interleaved runs whose order changes, each after sync(2), into "
    "fresh directories; the originals are in the page cache as far as they fit.",
    "big4g waits for the disk where 4 GiB are more than the kernel keeps unwritten (vm.dirty_ratio), and so does "
    "whatever else writes there: its runs lie far apart. one1g shows what the copying itself costs.",
]


@dataclass
class _Times:
    operations: list[Ran] = field(default_factory=list)
    jobs: list[float] = field(default_factory=list)
    cps: list[float] = field(default_factory=list)


def measure(session: Session) -> Table:
    """Many files, big files, and memory."""
    table = Table("Copy: fslink beside cp -r", notes=list(NOTES))
    with session.fresh("copy", keep=True) as directory, session.server(directory, settings=FSLINK) as server:
        fixed = _fixed_cost(session, server)
        for name, rounds in ROUNDS.items():
            tree = _plant(session, server, name)
            times = _Times()
            for number in range(rounds):
                session.say(f"copy {name}, {number + 1} of {rounds}")
                _round(times, server, tree, number)
            table.rows += _rows(tree, times, fixed)
            table.notes.append(_fastest(tree, times, fixed))
        table.rows += _memory(session, server)
    return table


def _plant(session: Session, server: Server, name: str) -> PlainTree:
    session.say(f"writing {name}")
    return plain_tree(name, quick=session.quick).write(server.storebase / USERS)


def _fixed_cost(session: Session, server: Server) -> float:
    """Seconds that an operation takes to copy one byte."""
    _plant(session, server, "tiny")
    return median([_operate(server, "tiny")[0].seconds for _ in range(3 * session.rounds)])


def _operate(server: Server, name: str) -> tuple[Ran, Path]:
    job = order_copy(server.storebase, name, f"{server.job().jid}-bare")
    os.sync()
    return operate("copy", job), job


def _round(times: _Times, server: Server, tree: PlainTree, number: int) -> None:
    """One of each. A single big file is removed afterwards; many are not: see ``Session.fresh``."""
    made = []
    for turn in range(3):
        which = (turn + number) % 3
        if which == 0:
            ran, job = _operate(server, tree.name)
            times.operations.append(ran)
            made.append(job / "incoming")
        elif which == 1:
            staged = StagedJob(server)
            os.sync()
            times.jobs.append(staged.copy(tree.name).seconds)
            made.append(staged.key / "incoming")
        else:
            target = server.storebase / f"cp-{tree.name}-{number}"
            os.sync()
            times.cps.append(timed(["cp", "-r", f"{USERS}/{tree.name}", str(target)], server.storebase))
            made.append(target)
    for path in made:
        if count(path) != (tree.nfiles, tree.nbytes):
            raise Broken(f"{path} holds {count(path)} files and bytes, not those of {tree}")
        if tree.nfiles == 1:
            shutil.rmtree(path)


def _rows(tree: PlainTree, times: _Times, fixed: float) -> list[Row]:
    whole = [ran.seconds for ran in times.operations]
    alone = [seconds - fixed for seconds in whole]
    cp, peak = median(times.cps), max(ran.peak for ran in times.operations)
    title, beside = (
        f"{tree.name}: {tree.nfiles} files, {mb(tree.nbytes)}",
        f"cp -r {speed(tree.nbytes, times.cps)}",
    )
    own = f"{speed(tree.nbytes, alone)}; and {ms(fixed)} for its start; peak RSS {peak / MIB:.0f} MiB"
    return [
        Row(f"{title}: operation", own, beside, cp / median(alone), TARGET),
        Row(f"{title}: operation with its start", speed(tree.nbytes, whole), beside, cp / median(whole)),
        Row(f"{title}: copy job by HTTP", speed(tree.nbytes, times.jobs), beside, cp / median(times.jobs)),
    ]


def _fastest(tree: PlainTree, times: _Times, fixed: float) -> str:
    """What else runs on the machine only adds."""
    own = min(ran.seconds for ran in times.operations) - fixed
    return f"{tree.name}: of the fastest runs of each the ratio is {min(times.cps) / own:.2f}×."


def _memory(session: Session, server: Server) -> list[Row]:
    peaks = []
    rows = []
    for name in ("little20k", "little200k", "flat200k"):
        tree = _plant(session, server, name)
        session.say(f"copying {name}")
        ran, job = _operate(server, name)
        if count(job / "incoming") != (tree.nfiles, tree.nbytes):
            raise Broken(f"{job} holds other files than {tree}")
        peaks.append(ran.peak / MIB)
        where = "in one directory" if tree.in_each == tree.nfiles else f"{tree.in_each} in a directory"
        own = f"peak RSS {peaks[-1]:.0f} MiB; {ran.seconds:.2f} s, {tree.nfiles / ran.seconds:.0f} files/s"
        rows.append(Row(f"memory of the operation: {tree.nfiles} files, {where}", own, "", None, MEMORY, peaks[-1]))
    grown = peaks[1] - peaks[0]
    own = f"{grown:+.1f} MiB, {peaks[2] - peaks[0]:+.1f} MiB in one directory"
    return [*rows, Row("the same: ten times as many files", own, "", None, FLAT, grown)]
