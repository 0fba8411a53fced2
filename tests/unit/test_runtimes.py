"""Why a command could not be run, by the texts of container runtimes, inits and shells.

Those of Docker 20.10 and Podman 4.3 with runc, of a Swarm and of a kubelet are recorded in tests/data.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.runtimes import CODES, LONGEST, failure_in_log, start_failure
from pfcon.reasons import Reason, Why

DATA = Path(__file__).parents[1] / "data"
IMAGE = "fnndsc/pl-x:1"
RUNC = "OCI runtime create failed: runc create failed: unable to start container process: "
OLD_RUNC = "OCI runtime create failed: container_linux.go:380: starting container process caused: "
SHIM = "failed to create task for container: failed to create shim task: "
PODMAN = "OCI runtime attempted to invoke a command that was not found"
TINI = "[FATAL tini (7)] exec prog failed: "
CATATONIT = "ERROR (catatonit:2): failed to exec pid1: "
LAUNCH = "/run/pfcon/launch.sh: "

MISSING = (Reason.COMMAND_NOT_FOUND, f"no such command in image {IMAGE}: prog")
NO_INTERPRETER = (
    Reason.COMMAND_NOT_FOUND,
    f"no such command in image {IMAGE}: /opt/prog.sh needs an interpreter that is not in the image",
)
REFUSED = (Reason.NOT_EXECUTABLE, f"not executable in image {IMAGE}: prog")
WRONG = (
    Reason.WRONG_ARCHITECTURE,
    f"not executable in image {IMAGE}: prog is for another type of processor, or a script without #! in its first line",
)
TOO_LONG = (
    Reason.ARGUMENT_TOO_LONG,
    "an argument or a variable of the command is longer than the operating system allows (128 KiB)",
)
NO_PROCESS = (Reason.TOO_MANY_PROCESSES, "the job needed too many processes")
FULL = (Reason.DISK_FULL, "no space is left on the disk")
Told = tuple[Reason | str, str]


def told(why: Why | None) -> Told | None:
    return (why.reason, why.message) if why else None


# Texts of engines and launchers about a container that was not started.
STARTS = [
    # runc 1.0 to 1.3, as Docker, containerd and Podman forward it
    (f'{SHIM}{RUNC}exec: "prog": executable file not found in $PATH: unknown', MISSING),
    (f'{SHIM}{RUNC}error during container init: exec: "prog": executable file not found in $PATH: unknown', MISSING),
    (f'{OLD_RUNC}exec: "prog": executable file not found in $PATH: unknown', MISSING),
    (f'{SHIM}{RUNC}exec: "/no/such": stat /no/such: no such file or directory: unknown', MISSING),
    (f'{SHIM}{RUNC}exec: "/etc/passwd": permission denied: unknown', REFUSED),
    (f'{SHIM}{RUNC}exec: "/etc": is a directory: unknown', REFUSED),
    (f'{SHIM}{RUNC}exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory: unknown', MISSING),
    (f'{SHIM}{RUNC}exec: "/opt/prog": operation not permitted: unknown', REFUSED),
    (f'{SHIM}{RUNC}exec: "/opt/prog": exec format error: unknown', WRONG),
    (f"{SHIM}{RUNC}exec /opt/prog.sh: exec format error: unknown", WRONG),
    (f"{SHIM}{RUNC}exec /opt/prog.sh: no such file or directory: unknown", NO_INTERPRETER),
    (f"{OLD_RUNC}exec user process caused: exec format error: unknown", WRONG),
    (f'{OLD_RUNC}exec user process caused "no such file or directory": unknown', MISSING),
    (f"{SHIM}{RUNC}exec /bin/sh: argument list too long: unknown", TOO_LONG),
    (
        'runc: runc create failed: unable to start container process: exec: "prog": permission denied: OCI permission '
        "denied",
        REFUSED,
    ),
    # escaped by Slurm or a kubelet
    (rf"{RUNC}exec: \"prog\": executable file not found in $PATH: unknown", MISSING),
    # crun 1.8 to 1.21
    (f"crun: executable file `prog` not found in $PATH: No such file or directory: {PODMAN}", MISSING),
    ("crun: executable file `prog` not found: No such file or directory", MISSING),
    ("crun: open executable: Permission denied: OCI permission denied", REFUSED),
    ("the path `/opt/unusable/directory` is not a regular file: Operation not permitted", REFUSED),
    ("crun: the path `/etc/passwd` exists but it is not executable: OCI permission denied", REFUSED),
    ("exec container process `/opt/prog`: Exec format error", WRONG),
    ("exec container process (missing dynamic library?) `/opt/prog.sh`: No such file or directory", NO_INTERPRETER),
    ("exec container process `/opt/prog`: Operation not permitted", REFUSED),
    ("exec container process `/opt/prog`: Argument list too long", TOO_LONG),
    ("exec container process `/opt/prog`: Resource temporarily unavailable", NO_PROCESS),
    # Charliecloud
    ("ch-run[41]: error: can't execve(2): prog: No such file or directory (ch_core.c:530 2)", MISSING),
    ("ch-run: can't execve(2) user command: No such file or directory (ch-run.c:493 2)", MISSING),
    ("ch-run[41]: error: can't execve(2): prog: Permission denied (ch_core.c:530 13)", REFUSED),
    ("ch-run[41]: error: can't execve(2): prog: Exec format error (ch_core.c:530 8)", WRONG),
    ("ch-run[41]: error: can't execve(2): prog: Argument list too long (ch_core.c:530 7)", TOO_LONG),
    # Apptainer and Singularity
    ('FATAL:   "prog": executable file not found in $PATH', MISSING),
    ("FATAL:   stat /opt/prog: no such file or directory", MISSING),
    ("FATAL:   exec /opt/prog failed: exec format error", WRONG),
    (
        "INFO:    Converting SIF file to temporary sandbox...\nFATAL:   exec /etc/passwd failed: permission denied",
        REFUSED,
    ),
    # bash and dash, which run launch.sh
    (f"{LAUNCH}line 5: exec: prog: not found", MISSING),
    (f"{LAUNCH}line 5: /no/such: No such file or directory", MISSING),
    (f"{LAUNCH}line 5: /opt/prog.sh: cannot execute: required file not found", MISSING),
    (f"{LAUNCH}line 5: /etc/passwd: Permission denied", REFUSED),
    (f"{LAUNCH}line 5: exec: /etc: cannot execute: Is a directory", REFUSED),
    (f"{LAUNCH}line 5: /opt/prog: cannot execute binary file: Exec format error", WRONG),
    (f"{LAUNCH}line 5: /bin/sh: Argument list too long", TOO_LONG),
    (f"{LAUNCH}5: exec: prog: not found", MISSING),
    (f"{LAUNCH}5: exec: /etc/passwd: Permission denied", REFUSED),
    (f"{LAUNCH}exec: line 5: prog: not found", MISSING),  # busybox
    # other faults
    ("fork/exec /usr/bin/runc: resource temporarily unavailable", None),  # of the engine
    ("fork/exec /usr/bin/containerd-shim-runc-v2: no such file or directory", None),
    ('could not select device driver "" with capabilities: [[gpu]]', None),
    ('error mounting "/srv/x" to rootfs at "/share/incoming": stat /srv/x: no such file or directory: ' + PODMAN, None),
    ('chdir to cwd ("/w") set in config.json failed: permission denied: OCI permission denied', None),
    ("failed to register layer: no space left on device", None),
    ("", None),
]

# Whole logs of containers whose init or runtime could not run the command.
LOGS = [
    (f"{TINI}No such file or directory", MISSING),
    (f"{TINI}Permission denied", REFUSED),
    (f"{TINI}Exec format error", WRONG),
    (f"{TINI}Argument list too long", TOO_LONG),
    ("[FATAL tini (7)] exec a\nb failed: No such file or directory", MISSING),
    (
        f"{TINI}Too many levels of symbolic links",
        (Reason.ENGINE_FAULT, "the container could not be started: Too many levels of symbolic links"),
    ),
    (f"{CATATONIT}No such file or directory", MISSING),
    (f"{CATATONIT}Permission denied", REFUSED),
    (f"{CATATONIT}Exec format error", WRONG),
    (f"{CATATONIT}Argument list too long", TOO_LONG),
    # runc, in a container without an init, as kubelets run it
    ("exec /opt/prog.sh: no such file or directory", NO_INTERPRETER),
    ("exec /opt/prog: exec format error", WRONG),
    ("exec /opt/prog: permission denied", REFUSED),
    ("exec /opt/prog: operation not permitted", REFUSED),
    ("standard_init_linux.go:228: exec user process caused: exec format error", WRONG),
    ('standard_init_linux.go:190: exec user process caused "no such file or directory"', MISSING),
    # crun, with Podman and CRI-O
    (
        '{"msg":"exec container process `/opt/prog`: Exec format error","level":"error","time":"2026-03-01T00:00:00Z"}',
        WRONG,
    ),
    ("exec container process `/opt/prog`: Exec format error", WRONG),
    (
        '{"msg":"exec container process (missing dynamic library?) `/opt/prog.sh`: No such file or directory",'
        '"level":"error","time":"2026-03-01T00:00:00Z"}',
        NO_INTERPRETER,
    ),
    ("exec container process `/opt/prog`: No space left on device", FULL),
    ("2026-03-01T00:00:00.5Z exec container process `/opt/prog`: Permission denied", REFUSED),
]


@pytest.mark.parametrize(("text", "expected"), STARTS)
def test_the_text_of_a_runtime_or_a_launcher_is_a_reason(text: str, expected: Told | None) -> None:
    assert told(start_failure(text, IMAGE, "prog")) == expected


@pytest.mark.parametrize(("log", "expected"), LOGS)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_only_line_of_a_log_is_a_reason(log: str, expected: Told, end: str) -> None:
    why = failure_in_log(log + end, IMAGE, "prog")
    assert told(why) == expected
    assert why
    assert why.detail
    assert not why.interrupted


@pytest.mark.parametrize(("log", "expected"), LOGS)
@pytest.mark.parametrize(
    "around",
    [
        "begun\n{}\n",
        "{}\nended\n",
        "sh: {}\nTraceback (most recent call last):\n",
        "\n".join(["a line of a program"] * 2000) + "\n{}\n",
    ],
)
def test_a_program_that_prints_such_a_line_among_others_has_run(log: str, expected: Told, around: str) -> None:
    if "\n" in log:
        pytest.skip("it has two lines itself")
    assert failure_in_log(around.replace("{}", log), IMAGE, "prog") is None


@pytest.mark.parametrize(
    "log",
    [
        "",
        "\n",
        "exit\n",
        "Permission denied\n",
        "sh: 1: prog: not found\n",
        "bash: line 1: prog: command not found\n",
        "cat: /no/such: No such file or directory\n",
        "exec format error\n",
        "exec prog: no such file or directory\n",  # a name without directories is no text of runc's
        "could not exec /opt/prog: permission denied\n",
        "exec /opt/prog: connection refused\n",
        "exec /opt/prog: permission denied\nexec /opt/prog: permission denied\n",
        "x" * LONGEST,
    ],
)
def test_another_log_is_that_of_a_command_that_has_run(log: str) -> None:
    assert failure_in_log(log, IMAGE, "prog") is None


def recorded() -> list[tuple[str, Any]]:
    """All texts of starts in tests/data, with what they mean."""
    meanings = {
        "no command": Reason.COMMAND_NOT_FOUND,
        "command": Reason.COMMAND_NOT_FOUND,
        "no path": Reason.COMMAND_NOT_FOUND,
        "a directory": Reason.NOT_EXECUTABLE,
        "not executable": Reason.NOT_EXECUTABLE,
        "executable": Reason.NOT_EXECUTABLE,
    }
    found = []
    for engine in ("docker", "podman"):
        errors = json.loads((DATA / "docker" / f"{engine}-errors.json").read_text())
        found += [
            (label.removeprefix("start: "), each["text"])
            for label, each in errors.items()
            if "start: " in label and each
        ]
        inspects = json.loads((DATA / "docker" / f"{engine}-inspects.json").read_text())
        found += [
            (label.removeprefix("start: "), each["State"]["Error"])
            for label, each in inspects.items()
            if each["State"].get("Error")
        ]
    lives = json.loads((DATA / "swarm" / "lives.json").read_text())
    found += [
        (name, task["Status"]["Err"])
        for name, life in lives.items()
        for task in life["tasks"]
        if task["Status"].get("Err")
    ]
    for name, sights in json.loads((DATA / "kubernetes" / "lives-1.20.json").read_text()).items():
        for pod in sights[-1]["pods"]:
            for container in pod["status"].get("containerStatuses") or []:
                found += [(name, state["message"]) for state in container["state"].values() if state.get("message")]
    assert len(found) > 20
    return [(text, meanings.get(label)) for label, text in found]


@pytest.mark.parametrize(("text", "reason"), recorded())
def test_recorded_texts_are_known_and_others_are_not(text: str, reason: Reason | None) -> None:
    why = start_failure(text, IMAGE, "prog")
    assert (why.reason if why else None) == reason


def test_the_exit_codes_are_those_of_inits_and_runtimes() -> None:
    assert {1, 126, 127, 128, 255} == CODES
    assert 0 not in CODES
    assert 137 not in CODES
