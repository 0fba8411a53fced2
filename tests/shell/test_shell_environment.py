"""How the scripts find a Python, and what the engine scripts start and stop."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.shell import Bash, alive


def fake_python(path: Path, version_status: int, venv_status: int) -> str:
    """A program that answers the questions of find_python."""
    path.write_text(
        '#!/bin/sh\ncase "$*" in -V) echo Python 3.9.2 ;; '
        f"*version_info*) exit {version_status} ;; *ensurepip*) exit {venv_status} ;; esac\n"
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("version_status", "venv_status", "told"),
    [(1, 0, "needs Python 3.11 or newer"), (1, 0, "Python 3.9.2"), (0, 1, "apt install python3-venv")],
)
def test_a_python_that_will_not_do_is_told_with_the_remedy(
    bash: Bash, tmp_path: Path, version_status: int, venv_status: int, told: str
) -> None:
    python = fake_python(tmp_path / "python", version_status, venv_status)
    done = bash(". dev/venv.sh; find_python", PYTHON=python)
    assert done.returncode == 1
    assert told in done.stderr
    assert done.stdout == ""


def test_a_python_that_will_do_is_printed(bash: Bash, tmp_path: Path) -> None:
    python = fake_python(tmp_path / "python", 0, 0)
    assert bash(". dev/venv.sh; find_python", PYTHON=python).stdout == f"{python}\n"


def test_of_an_active_environment_its_base_is_printed(bash: Bash) -> None:
    """The environment itself may be the one that is made anew."""
    assert sys.prefix != sys.base_prefix, "the tests run in an environment"
    found = bash(". dev/venv.sh; find_python", PYTHON=sys.executable).stdout.strip()
    assert not found.startswith(sys.prefix)
    assert bash('"$1" -c "import sys; print(sys.prefix)"', found).stdout.strip() == sys.base_prefix


def test_an_installation_that_fails_shows_the_end_of_its_log_and_is_not_taken_for_complete(
    bash: Bash, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" != -m ] || { echo no route to the index; exit 1; }\n')
    python.chmod(0o755)
    script = '. dev/venv.sh; for _ in 1 2; do if ensure_venv "$1" ""; then exit 7; fi; done'
    done = bash(script, str(tmp_path / "env"), PYTHON=str(python))
    assert done.returncode == 0
    assert done.stderr.count("no route to the index") == 2


def test_a_package_beside_the_environment_is_installed_once_and_never_half(bash: Bash, tmp_path: Path) -> None:
    python, works, target = tmp_path / "python", tmp_path / "works", tmp_path / "target"
    python.write_text(
        f'#!/bin/sh\nfor target; do [ "$last" = --target ] && break; last=$target; done; mkdir -p "$target"\n'
        f'echo pip >>"{tmp_path}/calls"; [ -e "{works}" ] || {{ echo no route to the index; exit 1; }}\n'
    )
    python.chmod(0o755)
    script = '. dev/venv.sh; ensure_package "$1" "$2" "$3"'
    for _ in range(2):
        done = bash(script, str(target), "client4", str(python))
        assert done.returncode == 1
        assert "no route to the index" in done.stderr
    works.touch()
    assert bash(script, str(target), "client4", str(python)).returncode == 0
    assert "is up to date" in bash(script, str(target), "client4", str(python)).stdout
    assert (tmp_path / "calls").read_text().count("pip") == 3
    assert bash(script, str(target), "tools", str(python)).returncode == 0
    assert (tmp_path / "calls").read_text().count("pip") == 4


def recording_python(tmp_path: Path, fits: bool) -> tuple[Path, Path]:
    """A Python that makes environments whose Python writes down what it is told; and where."""
    python, calls = tmp_path / "python", tmp_path / "calls"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in "-m venv"*) mkdir -p "$3/bin"; printf \'#!/bin/sh\\necho "$@" >>"{calls}"\\n\' '
        f'>"$3/bin/python"; chmod +x "$3/bin/python" ;; -) exit {0 if fits else 1} ;; '
        "*_base_executable*) ;; *print*) echo facts ;; esac\n"
    )
    python.chmod(0o755)
    return python, calls


def test_an_environment_has_what_the_lock_file_names_by_its_hashes_and_nothing_else(bash: Bash, tmp_path: Path) -> None:
    python, calls = recording_python(tmp_path, fits=True)
    done = bash('. dev/venv.sh; ensure_venv "$1" "[test]"', str(tmp_path / "env"), PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    packages, own = calls.read_text().splitlines()
    assert "--require-hashes --only-binary :all: -r requirements/test.lock" in packages
    assert "--no-index --no-deps --no-build-isolation -e ." in own
    assert "WARNING" not in done.stderr
    again = bash('. dev/venv.sh; ensure_venv "$1" "[test]"', str(tmp_path / "env"), PYTHON=str(python))
    assert "is up to date" in again.stdout


def test_a_python_that_the_lock_files_are_not_made_for_is_told_loudly(bash: Bash, tmp_path: Path) -> None:
    python, calls = recording_python(tmp_path, fits=False)
    done = bash('. dev/venv.sh; ensure_venv "$1" "[test]"', str(tmp_path / "env"), PYTHON=str(python))
    assert done.returncode == 0, done.stderr
    assert "WARNING: requirements/*.lock are for Python 3.11 to 3.13" in done.stderr
    assert calls.read_text().endswith("-e .[test]\n")


LIB = '. tests/engines/lib.sh; in_background nap sleep 60; pid=$(our_pid nap); echo "$pid"; '


def test_stop_ends_what_start_started(bash: Bash, tmp_path: Path) -> None:
    done = bash(LIB + "stop_ours nap TERM", PFCON_ENGINES_DIR=str(tmp_path / "e"))
    assert done.returncode == 0, done.stderr
    assert f"stopped nap (pid {done.stdout.strip()})" in done.stderr
    assert not alive(int(done.stdout))
    assert not (tmp_path / "e/nap.pid").exists()


def test_stop_leaves_a_process_alone_that_only_has_the_recorded_pid(bash: Bash, tmp_path: Path) -> None:
    other = subprocess.Popen(["sleep", "60"])
    try:
        (tmp_path / "nap.pid").write_text(f"{other.pid} 1\n")
        done = bash(". tests/engines/lib.sh; stop_ours nap TERM", PFCON_ENGINES_DIR=str(tmp_path))
        assert done.returncode == 0, done.stderr
        assert "nothing of ours to stop" in done.stderr
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_an_engine_that_ends_at_once_is_told_with_its_log(bash: Bash, tmp_path: Path) -> None:
    script = ". tests/engines/lib.sh; in_background nap sh -c 'echo no such option; exit 1'; await nap false"
    done = bash(script, PFCON_ENGINES_DIR=str(tmp_path))
    assert done.returncode == 1
    assert "no such option" in done.stderr
    assert "nap did not start" in done.stderr


def test_lines_for_eval_survive_blanks_and_quotes(bash: Bash) -> None:
    script = """. tests/engines/lib.sh; eval "$(export_line X "it's a \\$HOME")"; printf %s "$X" """
    assert bash(script).stdout == "it's a $HOME"
