"""Fetching a job's inputs, beside ``swift download`` and ``aws s3 cp --recursive``, each as it comes."""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults import Broken
from benchmarks.objects import CONTAINER, KINDS, Stores
from benchmarks.plain import PlainTree, plain_tree
from benchmarks.report import Row, Table, at_least, at_most, mb, median, speed
from benchmarks.session import Session, timed
from benchmarks.staged import Ran, count
from benchmarks.trees import MIB

TREES = ("objects2k", "one2g")
ROUNDS = 6  # even: whoever goes second takes longer, up to two seconds for 2 GiB, and each side does in half of them
TARGET = at_least(1)
MEMORY = at_most(200, " MiB")
NAMES = {"swift": "swift download", "s3": "aws s3 cp --recursive"}
NOTE = (
    "fetch: pfcon verifies each object's MD5, as `swift download` does and `aws s3 cp` does not; again: the same "
    "job once more, which verifies what is there and fetches nothing."
)


@dataclass
class _Times:
    operations: list[Ran] = field(default_factory=list)
    again: list[Ran] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


def measure(session: Session, stores: Stores, table: Table) -> None:
    """Many small objects and a big one, from either kind of store."""
    table.notes.append(NOTE)
    for name in TREES:
        tree = _plant(session, stores, name)
        for kind in KINDS:
            times = _Times()
            for number in range(ROUNDS):
                session.say(f"fetching {name} from {kind}, {number + 1} of {ROUNDS}")
                _round(times, stores, tree, kind, number)
            table.rows += _rows(tree, kind, times)


def _plant(session: Session, stores: Stores, name: str) -> PlainTree:
    session.say(f"storing {name}")
    tree = plain_tree(name, quick=session.quick)
    with session.fresh("plain", keep=tree.nfiles > 1) as directory:
        stores.plant(tree.write(directory), directory / tree.name)
    return tree


def _round(times: _Times, stores: Stores, tree: PlainTree, kind: str, number: int) -> None:
    made = []
    for turn in range(2):
        os.sync()
        if (turn + number) % 2:
            job = stores.order(kind, tree.name)
            times.operations.append(stores.operate("copy", kind, job))
            times.again.append(stores.operate("copy", kind, job))
            made.append(job / "incoming")
        else:
            target = stores.storebase / f"{kind}-{tree.name}-{number}"
            target.mkdir()
            times.others.append(timed(_command(stores, tree, kind, target), stores.storebase))
            made.append(target)
    for path in made:
        if count(path) != (tree.nfiles, tree.nbytes):
            raise Broken(f"{path} holds {count(path)} files and bytes, not those of {tree}")
        if tree.nfiles == 1:
            shutil.rmtree(path)


def _command(stores: Stores, tree: PlainTree, kind: str, target: Path) -> list[str]:
    if kind == "swift":
        return [*stores.swift_command(), "download", CONTAINER, "--prefix", f"{tree.name}/", "-D", str(target)]
    return [*stores.aws_command(), "cp", "--recursive", "--quiet", f"s3://{CONTAINER}/{tree.name}", str(target)]


def _rows(tree: PlainTree, kind: str, times: _Times) -> list[Row]:
    seconds, other = [ran.seconds for ran in times.operations], median(times.others)
    peak = max(ran.peak for ran in [*times.operations, *times.again]) / MIB
    title = f"fetch from {kind}, {tree.name}: {tree.nfiles} objects, {mb(tree.nbytes)}"
    beside = f"{NAMES[kind]} {speed(tree.nbytes, times.others)}"
    own = speed(tree.nbytes, seconds)
    again = speed(tree.nbytes, [ran.seconds for ran in times.again])
    return [
        Row(title, own, beside, other / median(seconds), TARGET),
        Row(f"{title}: peak RSS", f"{peak:.0f} MiB", "", None, MEMORY, peak),
        Row(f"{title}: again", again),
    ]
