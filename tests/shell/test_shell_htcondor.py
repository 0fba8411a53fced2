"""make.sh -O htcondor: what it refuses; what it does is in test_shell_batch."""

from pathlib import Path

from support.shell import Bash

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
