"""Delete jobs, beside ``rm -rf`` of the same tree. Comes last: what it deletes makes an ext4 slow to create files."""

import os

from benchmarks.faults import Broken
from benchmarks.plain import plain_tree
from benchmarks.report import Row, Table, median, ms
from benchmarks.session import Session, timed
from benchmarks.staged import FSLINK, POLL, USERS, StagedJob

NOTES = [
    f"pfcon: from the POST of a delete job until its status, asked for every {POLL * 1000:.0f} ms, is final: all that "
    "a copy job had staged is gone by then.",
    "beside: `rm -rf` of a copy. Medians of interleaved runs, each after sync(2).",
]


def measure(session: Session) -> Table:
    """A job with 100,000 files. For information: there is no target."""
    table = Table("Deletion beside rm -rf", notes=list(NOTES))
    with (
        session.fresh("deletion", keep=True) as directory,
        session.server(directory, settings=FSLINK) as server,
    ):
        session.say("writing little100k")
        tree = plain_tree("little100k", quick=session.quick).write(server.storebase / USERS)
        jobs = [StagedJob(server) for _ in range(session.rounds)]
        copies = [server.storebase / f"cp-{number}" for number in range(session.rounds)]
        for job, copy in zip(jobs, copies, strict=True):  # before anything is deleted
            session.say("copying it twice")
            job.copy(tree.name)
            timed(["cp", "-r", f"{USERS}/{tree.name}", str(copy)], server.storebase)
        posts, deletions, removals = [], [], []
        for job, copy in zip(jobs, copies, strict=True):
            os.sync()
            session.say("deleting both")
            ended = job.delete()
            if job.key.exists():
                raise Broken(f"the delete job of {job.jid} left its directory")
            posts.append(ended.posted)
            deletions.append(ended.seconds)
            os.sync()
            removals.append(timed(["rm", "-rf", copy.name], server.storebase))
    own = f"{_told(deletions)}, the POST {ms(median(posts))} of it"
    ratio = median(removals) / median(deletions)
    table.rows.append(Row(f"{tree.nfiles} files", own, f"rm -rf {_told(removals)}", ratio))
    return table


def _told(seconds: list[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"
