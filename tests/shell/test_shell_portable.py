"""make.sh, unmake.sh and what they source on macOS: bash 3.2, no /proc, and only the options of POSIX.

There is no macOS here: ``uname`` says Darwin, programs are busybox's, those that only Linux has are missing, and the
scripts find no /proc. The syntax of a newer bash is looked for in their text.
"""

import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.live import LiveServer
from support.ports import free_port
from support.shell import REPOSITORY, Bash, run

FAKES = REPOSITORY / "tests/fakes"
SCRIPTS = [REPOSITORY / "make.sh", REPOSITORY / "unmake.sh", *sorted((REPOSITORY / "dev").glob("*.sh"))]
NEWER = {  # what bash 3.2, or a program of macOS, does not know
    r"\b(mapfile|readarray|coproc)\b": "mapfile -t lines < <(echo)",
    r"\b(declare|local|typeset) -[a-zA-Z]*[An]": "declare -A map",
    r"\$\{\w+(\[[@*]\])?(\^|,)": "${name^^}",
    r"@[QEPAaUuLK]\}": "${name@Q}",
    r"exec \{\w+\}": "exec {fd}<file",
    r"\bwait -[np]": "wait -n",
    r"&>>|\|&": "program |& cat",
    r"\[\[ -v ": "[[ -v name ]]",
    r"\b(setsid|realpath|tac|nproc|timeout|flock)\b (?!has|below)": "setsid nohup program",
    r"\breadlink -|\bsed -i|\bsed --|\bdate -d|\bstat -c|\bmv -T|\bcp --|\bgrep -[a-zA-Z]*[Pz]": "readlink -f file",
    r"\b(grep|sed) [^|]*'[^']*\\[|+?][^']*'": r"grep 'one\|two'",
    r"paste -sd ' '\)": "$(echo | paste -sd ' ')",
    r"\bfind [^|]*-printf": "find . -printf %p",
}
POSIX = (
    *("cat", "cut", "cksum", "chmod", "cp", "date", "dirname", "env", "find", "grep", "head", "id", "ls", "mkdir"),
    *("mktemp", "mv", "paste", "rm", "rmdir", "sed", "sleep", "sort", "tail", "tar", "tee", "touch", "tr", "wc"),
)
REAL = ("bash", "sh", "ps")  # busybox's ps has none of POSIX's options


def code(path: Path) -> str:
    """A script without its comments."""
    return "\n".join(re.sub(r"(^|\s)#.*", "", line) for line in path.read_text().splitlines())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_has_nothing_that_an_old_bash_does_not_know(script: Path) -> None:
    found = {pattern: hit[0] for pattern in NEWER if (hit := re.search(pattern, code(script)))}
    assert found == {}


@pytest.mark.parametrize(("pattern", "example"), NEWER.items())
def test_what_is_looked_for_would_be_found(pattern: str, example: str) -> None:
    assert re.search(pattern, example)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_arrays_that_may_be_empty_are_expanded_so_that_an_old_bash_accepts_it(script: Path) -> None:
    """Before 4.4, an empty array counts as an unset variable under ``set -u``."""
    text = code(script)
    empty = set(re.findall(r"\b(\w+)=\(\)", text)) | {"STORE_ENV"}
    for name in empty:
        text = text.replace(f'${{{name}[@]+"${{{name}[@]}}"}}', "")
        lines = [line for line in text.splitlines() if f"${{{name}[@]}}" in line]
        assert all("-eq 0 ]" in line or name in ("pids", "words") for line in lines), lines  # whose number is looked at


@pytest.fixture
def mac(tmp_path: Path, checkout: Path) -> dict[str, str]:
    """The environment of a machine that looks like a Mac, and a checkout whose scripts find no /proc."""
    busybox = shutil.which("busybox")
    if not busybox:
        pytest.skip("no busybox")
    programs = tmp_path / "mac"
    programs.mkdir()
    for name in POSIX:
        (programs / name).symlink_to(busybox)
    for name in REAL:
        (programs / name).symlink_to(shutil.which(name) or name)
    (programs / "uname").write_text("#!/bin/sh\necho Darwin\n")
    (programs / "uname").chmod(0o755)
    processes = checkout / "dev/processes.sh"
    text = processes.read_text()
    assert "PROC=/proc " in text
    processes.write_text(text.replace("PROC=/proc ", "PROC=/nowhere "))
    return {"PATH": str(programs)}


@pytest.mark.parametrize("words", [(), ("-O", "docker"), ("-O", "process"), ("-O", "slurm"), ("-O", "htcondor")])
def test_a_mac_is_told_what_it_needs(checkout: Path, tmp_path: Path, mac: dict[str, Any], words: tuple[str]) -> None:
    done = run(checkout / "make.sh", *words, cwd=tmp_path, **mac)
    assert done.returncode == 2
    assert done.stderr.startswith("make.sh: pfcon itself needs Linux: on Darwin, take -O kubernetes")
    assert done.stderr.count("\n") == 1
    assert not (checkout / ".pfcon-dev").exists()


def test_a_mac_runs_the_sample_on_the_kubernetes_of_docker_desktop(
    checkout: Path, tmp_path: Path, mac: dict[str, Any]
) -> None:
    port = str(free_port())
    (tmp_path / "storeBase").mkdir()
    asked = tmp_path / "asked"
    with LiveServer(tmp_path / "storeBase") as server:
        kubectl = f"""case " $* " in
*'version --client'*) echo 'Kustomize Version: v5.6.0' ;;
*current-context*) echo docker-desktop ;;
*' version '*) echo 'Server Version: v1.36.2' ;;
*storageclass*) echo '{{"storageclass.kubernetes.io/is-default-class":"true"}}' ;;
*port-forward*) exec "$PYTHON" "{FAKES}/forward.py" {port} {server.port} ;;
*) ;;
esac"""
        for name, script in (("kubectl", kubectl), ("docker", "")):
            program = tmp_path / "mac" / name
            program.write_text(f'#!/bin/sh\necho "{name} $*" >>"{asked}"\n{script}\n')
            program.chmod(0o755)
        done = run(checkout / "make.sh", "-O", "kubernetes", "-p", port, cwd=tmp_path, **mac)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "| letters/greek.txt: 4 words" in done.stdout
        again = run(checkout / "make.sh", "-O", "kubernetes", "-p", port, "-U", cwd=tmp_path, **mac)
        assert again.returncode == 0, again.stderr
        assert asked.read_text().count("port-forward") == 1
        gone = run(checkout / "unmake.sh", cwd=tmp_path, **mac)
    assert gone.returncode == 0, gone.stderr
    assert "stopped kubectl port-forward" in gone.stdout
    assert "docker build --quiet --tag local/pfcon:1 ." in asked.read_text()
    assert not (checkout / ".pfcon-dev").exists()


def test_a_process_is_known_again_by_ps_where_there_is_no_proc(bash: Bash) -> None:
    script = """. dev/processes.sh; PROC=/nowhere
sleep 60 & pid=$!
first=$(process_started "$pid"); [ -n "$first" ] && [ "$first" = "$(process_started "$pid")" ]
note_process "$1" "$pid" key=value; [ "$(noted_pid "$1")" = "$pid" ] && [ "$(note_get "$1" key)" = value ]
kill "$pid"; wait "$pid" || true; [ -z "$(process_started "$pid")" ]
! noted_pid "$1"; echo good"""
    note = Path(os.environ.get("TMPDIR", "/tmp")) / f"pfcon-note-{os.getpid()}"
    done = bash(script, str(note))
    note.unlink(missing_ok=True)
    assert (done.stdout, done.returncode) == ("good\n", 0), done.stderr


@pytest.mark.parametrize(
    "path", ["a", "./a//b/", "link/x", "link/../y", "a/../../z", "missing/../w", "/", "/..", "..", "b c/d"]
)
def test_paths_become_those_of_realpath(bash: Bash, tmp_path: Path, path: str) -> None:
    (tmp_path / "here/a").mkdir(parents=True)
    (tmp_path / "far/away").mkdir(parents=True)
    (tmp_path / "here/link").symlink_to(tmp_path / "far/away")
    done = bash('. dev/options.sh; cd -- "$1"; absolute "$2"; realpath -m -- "$2"', str(tmp_path / "here"), path)
    ours, real = done.stdout.splitlines()
    assert ours == real
