"""The failures of the suite: what is asked of pfcon, and what its users must read.

One row is one failure. It is the same on every engine, but for those that ``exceptions`` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from support.generation import TODAY

from pfcon.reasons import Reason

UNUSABLE = "/opt/unusable"  # of the tests' image: see tests/engines/image.sh
LIMIT = 64  # MiB of memory
EAT = "python3 -c 'import time; x = bytearray(400 << 20); time.sleep(60)'"  # more memory than LIMIT


@dataclass(frozen=True)
class Expected:
    """reason: the code. sentence: a regular expression for the whole message. says: what the log contains besides.

    in_log: whether the log ends with the sentence.
    """

    reason: str
    sentence: str
    says: str = ""
    status: str = "finishedWithError"
    in_log: bool = True


@dataclass(frozen=True)
class Failure:
    """script: of ``sh -c``. fields: of the request, instead. registry: the repository of BadRegistry to run.

    exceptions: what is expected on some engines, by name; a text is the reason why the engine can't show the failure.
    today: the same of the newer generation of some engines, in place of the exceptions.
    cancel: whether a client cancels the job once it runs. late: engines that report the end of the job before that of
    its program, which has a grace of 10 seconds.
    """

    name: str
    expected: Expected
    script: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    registry: str = ""
    cancel: bool = False
    late: frozenset[str] = frozenset()
    exceptions: Mapping[str, Expected | str] = field(default_factory=dict)
    today: Mapping[str, Expected | str] = field(default_factory=dict)

    def on(self, engine: str, *, today: bool = TODAY) -> Expected | str:
        """Return what is expected on an engine, or why the engine can't show it. today: of the newer generation."""
        exceptions = {**self.exceptions, **(self.today if today else {})}
        return exceptions.get(engine, exceptions.get(engine.partition("-")[0], self.expected))


NO_IMAGES = "the process engine runs programs of its own host"
ON_HOST = {"process": NO_IMAGES}
SAYS = "said it"
LACK = rf"(out of memory: the job exceeded its limit of {LIMIT} MiB|exit code 1: .* shows a lack of memory.*)"
CAN_T = r"image \S+ can't be fetched"


def _failed(reason: Reason, sentence: str, says: str = "") -> Expected:
    return Expected(reason, sentence, says)


def _succeeded(sentence: str) -> Expected:
    return Expected("", sentence, SAYS, "finishedSuccessfully")


def _ran(name: str, script: str, reason: Reason, sentence: str, **more: Any) -> Failure:
    """A program that says something, and then fails."""
    return Failure(name, _failed(reason, sentence, SAYS), f"echo {SAYS}; {script}", **more)


def _unusable(
    name: str, file: str, reason: Reason, sentence: str, exceptions: Mapping[str, str] = MappingProxyType({})
) -> Failure:
    """A file of the image that can't be run."""
    expected = _failed(reason, sentence)
    fields = {"entrypoint": [f"{UNUSABLE}/{file}"]}
    return Failure(name, expected, fields=fields, exceptions={**ON_HOST, **exceptions})


MAY_PASS = ("busy", "broken", "away", "corrupt-manifest", "corrupt-layer", "not-gzip")  # Kubernetes tries again


def _unfetched(
    repository: str, reason: Reason, sentence: str, exceptions: Mapping[str, Expected] = MappingProxyType({})
) -> Failure:
    """An image of BadRegistry. Kubernetes waits for what may pass."""
    expected, fields = _failed(reason, sentence), {"entrypoint": ["sh"]}
    waits = {"kubernetes": replace(expected, status="notStarted")} if repository in MAY_PASS else {}
    besides: Mapping[str, Expected | str] = {**ON_HOST, **waits, **exceptions}
    return Failure(f"image: {repository}", expected, fields=fields, registry=repository, exceptions=besides)


DAMAGED = rf"{CAN_T}: its registry delivers damaged data"
# A node of a Swarm tells nobody why it could not download an image that its registry has.
UNKNOWN_TO_SWARM = {
    "swarm": _failed(Reason.IMAGE_FAILED, rf"{CAN_T}: its registry has it, but its machine could not download it")
}


PROGRAMS = (
    _ran("exit code 3", "exit 3", Reason.EXIT_CODE, r"the program failed with exit code 3"),
    _ran("exit code 1", "exit 1", Reason.EXIT_CODE, r"the program failed with exit code 1"),
    _ran("a crash", "kill -SEGV $$", Reason.SIGNAL, r"the program crashed: signal SIGSEGV"),
    _ran(
        "exit code 143",
        "exit 143",
        Reason.SIGNAL,
        r"exit code 143: the program was ended by signal SIGTERM, or returned this code itself",
    ),
    _ran("cancelled", "sleep 600", Reason.CANCELLED, r"cancelled", cancel=True, late=frozenset({"kubernetes"})),
    _ran(
        "time limit",
        "sleep 600",
        Reason.TIME_LIMIT,
        r"stopped at its time limit of 1 minute",
        fields={"time_limit": 1},
        late=frozenset({"kubernetes"}),
    ),
    Failure("no outputs", replace(_succeeded(r"the program wrote no outputs"), in_log=False), f"echo {SAYS}"),
)
# Podman 4 learns of a lack of memory from the cgroup of version 2; with version 1 its answer is always "no".
_KNOWN_TO_PODMAN = Path("/sys/fs/cgroup/cgroup.controllers").exists()
KILLED = rf"exit code 137: .* SIGKILL, maybe because it exceeded its memory limit of {LIMIT} MiB, .*"
KILLED_ON_PODMAN = {} if _KNOWN_TO_PODMAN else {"podman": _failed(Reason.SIGNAL, KILLED, SAYS)}
UNKNOWN_TO_PODMAN = {} if _KNOWN_TO_PODMAN else {"podman": "Podman does not know it with cgroups of version 1"}
OUT_OF_MEMORY = _failed(Reason.OUT_OF_MEMORY, rf"out of memory: the job exceeded its limit of {LIMIT} MiB", SAYS)
NOTICED = _succeeded(r"the program reports success, but a process of it was killed.*")
LIMITS = (
    Failure(
        "out of memory",
        OUT_OF_MEMORY,
        f"echo {SAYS}; exec {EAT}",
        {"memory_limit": LIMIT},
        exceptions=KILLED_ON_PODMAN,
        today={"podman": OUT_OF_MEMORY},
    ),
    _ran(
        "out of memory in a child, exit code 1",
        f"{EAT} || exit 1",
        Reason.OUT_OF_MEMORY,
        LACK,
        fields={"memory_limit": LIMIT},
    ),
    Failure(
        "out of memory in a child, exit code 0",
        NOTICED,
        f'echo {SAYS}; {EAT}; echo x >"$1"/x; exit 0',
        {"memory_limit": LIMIT},
        exceptions={
            **dict.fromkeys(
                ("process", "htcondor"), _failed(Reason.OUT_OF_MEMORY, rf"out of memory: .* {LIMIT} MiB", SAYS)
            ),
            **UNKNOWN_TO_PODMAN,
        },
        today={"podman": NOTICED},
    ),
    _ran(
        "too many processes",
        "python3 -c 'import os, time; [os.fork() or time.sleep(20) for _ in range(100)]; time.sleep(9)'",
        Reason.TOO_MANY_PROCESSES,
        r".*(processes and threads|start a process or thread).*",
        exceptions=dict.fromkeys(
            ("kubernetes", "slurm", "htcondor"), "the number of processes is limited by its nodes"
        ),
    ),
)
COMMANDS = (
    Failure(
        "no such command",
        _failed(Reason.COMMAND_NOT_FOUND, r"no such command.*: no-such-command"),
        fields={"entrypoint": ["no-such-command"]},
    ),
    Failure(
        "no such path",
        _failed(Reason.COMMAND_NOT_FOUND, r"no such command.*: /no/such/command"),
        fields={"entrypoint": ["/no/such/command"]},
    ),
    _unusable("a directory", "directory", Reason.NOT_EXECUTABLE, rf"not executable in image \S+: {UNUSABLE}/directory"),
    _unusable(
        "no permission",
        "no-permission",
        Reason.NOT_EXECUTABLE,
        r"not executable in image .*/no-permission",
    ),
    _unusable(
        "a script without #!",
        "no-interpreter-line",
        Reason.WRONG_ARCHITECTURE,
        r"not executable in .* without #! .*",
        dict.fromkeys(("docker", "podman", "swarm"), "their init process gives it to a shell, which runs it"),
    ),
    _unusable(
        "another processor", "other-processor", Reason.WRONG_ARCHITECTURE, r"not executable in .* type of processor.*"
    ),
    _unusable(
        "no such interpreter",
        "no-such-interpreter",
        Reason.COMMAND_NOT_FOUND,
        r"no such command .*such-interpreter.*",
    ),
    _unusable(
        "Windows line ends", "windows-line-ends", Reason.COMMAND_NOT_FOUND, r"no such command .*windows-line-ends.*"
    ),
    Failure(
        "an argument above 128 KiB",
        _failed(Reason.ARGUMENT_TOO_LONG, r"an argument or a variable of the command is longer .*128 KiB\)"),
        fields={"entrypoint": ["sh", "-c"], "args": ["exit 0", "x" * 140_000]},
    ),
)
NO_REGISTRY = _failed(Reason.REGISTRY_UNREACHABLE, rf"{CAN_T}: its registry can't be reached, or answers with an error")
IMAGES = (
    _unfetched("missing", Reason.IMAGE_NOT_FOUND, rf"{CAN_T}: its registry does not have it"),
    _unfetched("no-repository", Reason.IMAGE_NOT_FOUND, rf"{CAN_T}: its registry does not have it"),
    _unfetched("login", Reason.IMAGE_REFUSED, rf"{CAN_T}: its registry denies access, or does not have it"),
    _unfetched("denied", Reason.IMAGE_REFUSED, rf"{CAN_T}: its registry denies access, or does not have it"),
    _unfetched("busy", Reason.REGISTRY_LIMIT, rf"{CAN_T} now: its registry limits the number of downloads"),
    _unfetched(
        "broken", Reason.REGISTRY_UNREACHABLE, rf"{CAN_T}: its registry can't be reached, or answers with an error"
    ),
    _unfetched(
        "away", Reason.REGISTRY_UNREACHABLE, rf"{CAN_T}: its registry can't be reached, or answers with an error"
    ),
    _unfetched("corrupt-manifest", Reason.IMAGE_CORRUPT, DAMAGED, UNKNOWN_TO_SWARM),
    _unfetched("corrupt-layer", Reason.IMAGE_CORRUPT, DAMAGED, UNKNOWN_TO_SWARM),
    _unfetched("not-gzip", Reason.IMAGE_CORRUPT, DAMAGED, UNKNOWN_TO_SWARM),
    _unfetched("other-platform", Reason.WRONG_ARCHITECTURE, r"image \S+ is for another type of processor.*"),
    Failure(
        "image: stalled",
        Expected("", r"fetching image \S+: 0 of 1 layers; no data since [\d:]+ UTC", status="notStarted"),
        fields={"entrypoint": ["sh"]},
        registry="stalled",
        exceptions={
            **ON_HOST,
            **dict.fromkeys(("swarm", "kubernetes", "slurm", "htcondor"), "it does not report how far it is"),
        },
    ),
    Failure(
        "image: no registry",
        NO_REGISTRY,
        fields={"image": "127.0.0.1:1/pfcon/absent:1", "entrypoint": ["sh"]},
        exceptions={**ON_HOST, "kubernetes": replace(NO_REGISTRY, status="notStarted")},
    ),
)
PLACES = (
    _ran(
        "workers that fail",
        "exit 3",
        Reason.EXIT_CODE,
        r"worker [123] of 3: the program failed with exit code 3",
        fields={"number_of_workers": 3},
    ),
    Failure(
        "more CPU than any machine has",
        Expected(Reason.UNSCHEDULABLE, r"no machine can run the job now: too little free CPU", status="notStarted"),
        "exit 0",
        {"cpu_limit": 64_000},
        exceptions={
            **dict.fromkeys(("process", "docker", "podman", "swarm"), "it refuses the request"),
            "htcondor": Expected(
                Reason.UNSCHEDULABLE,
                r"no machine can run the job now: no machine of the pool has 64 processors, at most 8",
                status="notStarted",
            ),
            "slurm": Expected(
                Reason.UNSCHEDULABLE,
                r"no machine can ever run the job: it requests more than the machines of the partition have",
                status="notStarted",
            ),
        },
        today={"slurm": "Slurm 24.11 refuses the request"},
    ),
)
FAILURES = (*PROGRAMS, *LIMITS, *COMMANDS, *IMAGES, *PLACES)
