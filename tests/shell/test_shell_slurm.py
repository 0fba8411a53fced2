"""make.sh -O slurm: what it refuses; what it does is in test_shell_batch."""

from pathlib import Path

from support.shell import Bash

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
