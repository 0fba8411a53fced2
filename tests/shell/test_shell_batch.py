"""make.sh with a batch system: what a second one reuses, and what unmake.sh ends and keeps."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.engines import htcondor_pool, slurm_cluster
from support.htcondor import condor_command, htcondor_prefix
from support.live import Api, new_jid
from support.ports import free_port
from support.shell import run
from support.slurm import default_mode, slurm_command
from support.zips import good_zip

from pfcon.testing.waiting import eventually


@dataclass(frozen=True)
class Batch:
    """engine: its name for make.sh. environ: how to reach it. other: a setting with which it is another service.

    states: of what the system has of a job, by its name. running: all of them, while its two workers run. ended: those
    of what may be left for a moment once the job was removed.
    """

    engine: str
    environ: dict[str, Any]
    other: tuple[str, str]
    states: Callable[[str], list[str]]
    running: list[str]
    ended: set[str]


def slurm() -> Batch:
    conf = slurm_cluster(default_mode())

    def states(name: str) -> list[str]:
        return slurm_command(conf, "squeue", "--noheader", f"--name={name}", "--format=%T").split()

    return Batch("slurm", {"SLURM_CONF": conf}, ("SLURM_PARTITION", "other"), states, ["RUNNING"], {"COMPLETING"})


def htcondor() -> Batch:
    conf = htcondor_pool()

    def states(name: str) -> list[str]:
        return condor_command(conf, "condor_q", "-constraint", f'PfconJob == "{name}"', "-af", "JobStatus").split()

    prefix = {"HTCONDOR_PREFIX": shlex.join(htcondor_prefix(conf))}
    removed, completed, transferring = "3", "4", "6"  # JobStatus, in HTCondor's manual
    return Batch(
        "htcondor", prefix, ("HTCONDOR_RANK", "Memory"), states, ["2", "2"], {removed, completed, transferring}
    )


@pytest.mark.slow
@pytest.mark.parametrize("system", [slurm, pytest.param(htcondor, marks=pytest.mark.engine("htcondor"))])
def test_a_second_make_reuses_the_service_and_unmake_ends_its_jobs_and_keeps_the_users_images(
    system: Callable[[], Batch], checkout: Path, tmp_path: Path
) -> None:
    batch = system()
    images = tmp_path / "images"
    (images / "local/mine").mkdir(parents=True)
    where: dict[str, Any] = {**batch.environ, f"{batch.engine.upper()}_IMAGES": str(images)}
    port = str(free_port())
    words: list[str | Path] = [checkout / "make.sh", "-O", batch.engine, "-p", port]
    begun = run(*words, "-U", cwd=tmp_path, **where)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    name, value = batch.other
    other = run(*words, cwd=tmp_path, **where | {name: value})
    assert other.returncode == 1
    assert f"{name}={value!r}" in other.stderr
    again = run(*words, cwd=tmp_path, **where)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "reusing it" in again.stdout
    assert (images / "local/pfcon-sample/1/rootfs/bin/sh").exists()

    jid = new_jid()
    posted = Api(f"http://127.0.0.1:{port}/api/v1/").submit(
        jid, "sleep 600", good_zip({"a": b"a"}), image="local/pfcon-sample:1", number_of_workers=2
    )
    assert posted.status_code == 201, posted.text
    assert eventually(lambda: batch.states(jid) == batch.running)
    gone = run(checkout / "unmake.sh", cwd=tmp_path)
    assert gone.returncode == 0, gone.stderr
    assert f"removed job {jid}" in gone.stdout
    assert {*batch.states(jid)} <= batch.ended
    assert sorted(images.rglob("*")) == [images / "local", images / "local/mine"]
