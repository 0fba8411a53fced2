"""Jobs as Slurm's launchers get them, for tests without a cluster."""

from pathlib import PurePosixPath
from typing import Any

from pfcon.compute.slurm.node_job import Image, NodeJob
from pfcon.models import INCOMING, OUTGOING, JobId, JobKind, JobSpec, Mount

ENV = (("TOKEN", 'it\'s "quoted" $HOME `id`'), ("FOREIGN", "Größe 日本"), ("EMPTY", ""))
"""Variables that are hard to quote."""


def spec(**fields: Any) -> JobSpec:
    """A job with inputs, outputs and an environment that is hard to quote; fields: others than these."""
    mounts = (
        Mount(PurePosixPath("key-7/incoming"), INCOMING, read_only=True),
        Mount(PurePosixPath("key-7/outgoing"), OUTGOING, read_only=False),
    )
    given = {"argv": ("prog", "--name", "a b"), "env": ENV, "mounts": mounts, **fields}
    return JobSpec(name="7", jid=JobId("7"), kind=JobKind.PLUGIN, image="local/pl-test:1", **given)


def placed(job: JobSpec, user: tuple[int, int] = (2001, 2002)) -> NodeJob:
    """The same with the paths of its node. user: uid and gid of who submits it."""
    image = Image(PurePosixPath("/store/.pfcon/slurm-images/ab/rootfs"), (("PATH", "/opt/bin:/bin"),), "/work dir")
    directory = PurePosixPath("/store/.pfcon/slurm/.5f")
    return NodeJob.of(job, "5f", image, directory=directory, root=PurePosixPath("/store"), user=user)
