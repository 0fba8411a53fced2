"""make.sh -O slurm: what it refuses, and what unmake.sh ends."""

from pathlib import Path
from typing import Any

import pytest
from support.engines import slurm_cluster
from support.live import Api, new_jid
from support.ports import free_port
from support.shell import Bash, run
from support.slurm import default_mode, slurm_command
from support.zips import good_zip

from pfcon.testing.waiting import eventually

FIND = """
for name in options processes service batch; do . "dev/$name.sh"; done
ENGINE=slurm
PYTHON_PATH=$PYTHON
STOREBASE_DIR=$1
PATH=$2
find_batch || exit 7
"""


def test_a_machine_without_slurm_is_told_what_to_install_and_what_else_to_take(bash: Bash, tmp_path: Path) -> None:
    done = bash(FIND, str(tmp_path), "/nonexistent", SLURM_PREFIX="")
    assert done.returncode == 7
    assert (
        "this host has no sbatch, squeue, scancel, scontrol; install them (Debian package: slurm-client)" in done.stderr
    )
    assert "take -O docker, podman or process" in done.stderr
    assert done.stdout == ""


def test_a_slurm_that_does_not_answer_is_told_with_its_own_words(bash: Bash, tmp_path: Path) -> None:
    done = bash(FIND, str(tmp_path), "/usr/bin:/bin", SLURM_PREFIX="sh -c 'echo the login node is away >&2; exit 255'")
    assert done.returncode == 7
    assert "Slurm does not answer: the login node is away" in done.stderr
    assert "slurmctld" in done.stderr


def test_a_storebase_with_blanks_is_refused_with_the_one_launcher_that_would_split_it(bash: Bash) -> None:
    done = bash(FIND, "/srv/a b", "/nonexistent", SLURM_LAUNCHER="enroot")
    assert done.returncode == 2
    assert "storeBase /srv/a b: SLURM_LAUNCHER=enroot takes no path with blanks; choose another with -S" in done.stderr


@pytest.mark.slow
def test_a_second_make_reuses_the_service_and_unmake_ends_its_jobs_and_keeps_the_users_images(
    checkout: Path, tmp_path: Path
) -> None:
    conf = slurm_cluster(default_mode())
    images = tmp_path / "images"
    (images / "local/mine").mkdir(parents=True)
    where: dict[str, Any] = {"SLURM_CONF": conf, "SLURM_IMAGES": str(images)}
    port = str(free_port())
    words: list[str | Path] = [checkout / "make.sh", "-O", "slurm", "-p", port]
    begun = run(*words, "-U", cwd=tmp_path, **where)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    other = run(*words, cwd=tmp_path, **where, SLURM_PARTITION="other")
    assert other.returncode == 1
    assert "SLURM_PARTITION='other'" in other.stderr
    again = run(*words, cwd=tmp_path, **where)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "reusing it" in again.stdout
    assert (images / "local/pfcon-sample/1/rootfs/bin/sh").exists()

    jid = new_jid()
    posted = Api(f"http://127.0.0.1:{port}/api/v1/").submit(
        jid, "sleep 600", good_zip({"a": b"a"}), image="local/pfcon-sample:1"
    )
    assert posted.status_code == 201, posted.text
    queue = ("squeue", "--noheader", f"--name={jid}", "--format=%T")
    assert eventually(lambda: slurm_command(conf, *queue) == "RUNNING\n")
    gone = run(checkout / "unmake.sh", cwd=tmp_path)
    assert gone.returncode == 0, gone.stderr
    assert f"removed job {jid}" in gone.stdout
    assert slurm_command(conf, *queue) in ("", "COMPLETING\n")
    assert sorted(images.rglob("*")) == [images / "local", images / "local/mine"]
