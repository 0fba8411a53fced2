"""Uploading a job's outputs, beside ``swift upload`` and ``aws s3 cp --recursive``, each as it comes."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults import Broken
from benchmarks.objects import CONTAINER, KINDS, Stores
from benchmarks.plain import PlainTree, plain_tree
from benchmarks.report import Row, Table, mb, median, speed
from benchmarks.sections.objects.fetching import MEMORY, ROUNDS, TARGET, TREES
from benchmarks.session import Session, timed
from benchmarks.staged import Ran
from benchmarks.trees import MIB
from pfcon.models import JobId
from pfcon.paths import JobDir, StoreBase

NAMES = {"swift": "swift upload", "s3": "aws s3 cp --recursive"}
NOTE = (
    "upload: below a new prefix each time, with the outputs in the page cache; pfcon reads a file twice, for the MD5 "
    "that the store verifies and to send it, but pieces of a large one that go to Swift once; again: the same job once "
    "more, which compares and sends nothing."
)


@dataclass
class _Times:
    stores: Stores
    tree: PlainTree
    job: JobDir
    kind: str
    operations: list[Ran] = field(default_factory=list)
    again: list[Ran] = field(default_factory=list)
    others: list[float] = field(default_factory=list)


def measure(session: Session, stores: Stores, table: Table) -> None:
    """Many small files and a big one, to either kind of store."""
    table.notes.append(NOTE)
    for name in TREES:
        session.say(f"writing the outputs {name}")
        tree = plain_tree(name, quick=session.quick)
        job = _plant(stores, tree)
        for kind in KINDS:
            times = _Times(stores, tree, job, kind)
            for number in range(ROUNDS):
                session.say(f"uploading {name} to {kind}, {number + 1} of {ROUNDS}")
                _round(times, number)
            table.rows += _rows(times)


def _plant(stores: Stores, tree: PlainTree) -> JobDir:
    """A job that has ended with a tree as its outputs."""
    job = StoreBase(stores.storebase).job(JobId(f"up-{tree.name}"))
    job.path.mkdir()
    tree.write(job.path)
    (job.path / tree.name).rename(job.outgoing)
    return job


def _round(times: _Times, number: int) -> None:
    stores, tree, job, kind = times.stores, times.tree, times.job, times.kind
    made = []
    for turn in range(2):
        os.sync()
        ours = bool((turn + number) % 2)
        prefix = f"{'pfcon' if ours else 'other'}/{kind}/{tree.name}/{number}"  # both kinds have the same objects
        if ours:
            order = {"storage": kind, "create": False, "job_output_path": prefix}
            (job.path / "upload.order").write_text(json.dumps(order), encoding="utf-8")
            times.operations.append(stores.operate("upload", kind, job.path))
            times.again.append(stores.operate("upload", kind, job.path))
        else:
            times.others.append(timed(_command(stores, kind, job.outgoing, prefix), stores.storebase))
        made.append(prefix)
    for prefix in made:
        _check_and_remove(times, prefix)


def _command(stores: Stores, kind: str, outgoing: Path, prefix: str) -> list[str]:
    if kind == "swift":
        return [*stores.swift_command(), "upload", "--quiet", "--object-name", prefix, CONTAINER, str(outgoing)]
    return [*stores.aws_command(), "cp", "--recursive", "--quiet", str(outgoing), f"s3://{CONTAINER}/{prefix}"]


def _check_and_remove(times: _Times, prefix: str) -> None:
    """Everything has to be there. A single big object is removed, so that the disk is as full for the next one."""
    store = times.stores.store(times.kind)
    found = [listed for page in store.pages(prefix + "/") for listed in page]
    if (len(found), sum(listed.size or 0 for listed in found)) != (times.tree.nfiles, times.tree.nbytes):
        raise Broken(f"{prefix} in {times.kind} holds other objects than {times.tree}")
    if times.tree.nfiles == 1:
        store.delete(found[0].name)


def _rows(times: _Times) -> list[Row]:
    tree, kind = times.tree, times.kind
    seconds, other = [ran.seconds for ran in times.operations], median(times.others)
    peak = max(ran.peak for ran in [*times.operations, *times.again]) / MIB
    title = f"upload to {kind}, {tree.name}: {tree.nfiles} files, {mb(tree.nbytes)}"
    beside = f"{NAMES[kind]} {speed(tree.nbytes, times.others)}"
    again = speed(tree.nbytes, [ran.seconds for ran in times.again])
    return [
        Row(title, speed(tree.nbytes, seconds), beside, other / median(seconds), TARGET),
        Row(f"{title}: peak RSS", f"{peak:.0f} MiB", "", None, MEMORY, peak),
        Row(f"{title}: again", again),
    ]
