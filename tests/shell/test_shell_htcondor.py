"""make.sh -O htcondor: what it refuses, and what unmake.sh ends."""

import shlex
from pathlib import Path
from typing import Any

import pytest
from support.engines import htcondor_pool
from support.htcondor import condor_command, htcondor_prefix
from support.live import Api, new_jid
from support.ports import free_port
from support.shell import Bash, run
from support.zips import good_zip

from pfcon.testing.waiting import eventually

FIND = """
for name in options processes service batch; do . "dev/$name.sh"; done
ENGINE=htcondor
PYTHON_PATH=$PYTHON
STOREBASE_DIR=$1
id() { echo "$2"; }
find_batch || exit 7
"""
AS_ROOT, AS_USER = FIND.replace('"$2"', "0"), FIND.replace('"$2"', "1000")


def test_root_without_a_prefix_is_told_that_htcondor_takes_no_jobs_from_it(bash: Bash, tmp_path: Path) -> None:
    done = bash(AS_ROOT, str(tmp_path), HTCONDOR_PREFIX="")
    assert done.returncode == 2
    assert "-O htcondor: HTCondor takes no jobs from root; run this as another user, or set HTCONDOR_PREFIX" in (
        done.stderr
    )


def test_a_machine_without_htcondor_is_told_what_to_install_and_what_else_to_take(bash: Bash, tmp_path: Path) -> None:
    find = AS_USER.replace("find_batch", "PATH=/nonexistent\nfind_batch")
    done = bash(find, str(tmp_path), HTCONDOR_PREFIX="")
    assert done.returncode == 7
    assert "this host has no condor_submit, condor_q, condor_rm, condor_history, condor_status; install them" in (
        done.stderr
    )
    assert "take -O docker, podman or process" in done.stderr
    assert done.stdout == ""


def test_a_pool_that_does_not_answer_is_told_with_its_own_words(bash: Bash, tmp_path: Path) -> None:
    prefix = "sh -c 'echo the submit host is away >&2; exit 255'"
    done = bash(AS_ROOT, str(tmp_path), HTCONDOR_PREFIX=prefix)
    assert done.returncode == 7
    assert "HTCondor does not answer: the submit host is away" in done.stderr
    assert "condor_master" in done.stderr


def test_a_storebase_with_blanks_is_refused_with_the_one_launcher_that_would_split_it(bash: Bash) -> None:
    done = bash(AS_USER, "/srv/a b", HTCONDOR_LAUNCHER="enroot")
    assert done.returncode == 2
    assert "storeBase /srv/a b: HTCONDOR_LAUNCHER=enroot takes no path with blanks; choose another" in done.stderr


@pytest.mark.slow
@pytest.mark.engine("htcondor")
def test_a_second_make_reuses_the_service_and_unmake_ends_its_jobs_and_keeps_the_users_images(
    checkout: Path, tmp_path: Path
) -> None:
    conf = htcondor_pool()
    images = tmp_path / "images"
    (images / "local/mine").mkdir(parents=True)
    where: dict[str, Any] = {
        "HTCONDOR_PREFIX": shlex.join(htcondor_prefix(conf)),
        "HTCONDOR_IMAGES": str(images),
    }
    port = str(free_port())
    words: list[str | Path] = [checkout / "make.sh", "-O", "htcondor", "-p", port]
    begun = run(*words, "-U", cwd=tmp_path, **where)
    assert begun.returncode == 0, begun.stdout + begun.stderr
    other = run(*words, cwd=tmp_path, **where, HTCONDOR_RANK="Memory")
    assert other.returncode == 1
    assert "HTCONDOR_RANK='Memory'" in other.stderr
    again = run(*words, cwd=tmp_path, **where)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "reusing it" in again.stdout
    assert (images / "local/pfcon-sample/1/rootfs/bin/sh").exists()

    jid = new_jid()
    posted = Api(f"http://127.0.0.1:{port}/api/v1/").submit(
        jid, "sleep 600", good_zip({"a": b"a"}), image="local/pfcon-sample:1", number_of_workers=2
    )
    assert posted.status_code == 201, posted.text
    queue = ("condor_q", "-constraint", f'PfconJob == "{jid}"', "-af", "JobStatus")
    assert eventually(lambda: condor_command(conf, *queue).split() == ["2", "2"])
    gone = run(checkout / "unmake.sh", cwd=tmp_path)
    assert gone.returncode == 0, gone.stderr
    assert f"removed job {jid}" in gone.stdout
    assert not {"1", "2", "5"} & {*condor_command(conf, *queue).split()}
    assert sorted(images.rglob("*")) == [images / "local", images / "local/mine"]
