"""The failures of the suite: what is asked of pfcon, and what its users must read.

One row is one failure. It is the same on every engine, but for those that ``exceptions`` names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pfcon.reasons import Reason

UNUSABLE = "/opt/unusable"  # of the tests' image: see tests/engines/image.sh
LIMIT = 64  # MiB of memory
EAT = "python3 -c 'import time; x = bytearray(400 << 20); time.sleep(60)'"  # more memory than LIMIT
PIDS = 20


@dataclass(frozen=True)
class Expected:
    """reason: the code. sentence: a regular expression for the whole message. says: what the log contains besides."""

    reason: str
    sentence: str
    says: str = ""
    status: str = "finishedWithError"


@dataclass(frozen=True)
class Failure:
    """script: of ``sh -c``. fields: of the request, instead. registry: the repository of BadRegistry to run.

    exceptions: what is expected on some engines, by name; a text is the reason why the engine can't show the failure.
    cancel: whether a client cancels the job once it runs.
    """

    name: str
    expected: Expected
    script: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    registry: str = ""
    cancel: bool = False
    exceptions: Mapping[str, Expected | str] = MappingProxyType({})

    def on(self, engine: str) -> Expected | str:
        """Return what is expected on an engine, or why the engine can't show it."""
        return self.exceptions.get(engine, self.exceptions.get(engine.partition("-")[0], self.expected))


def _failed(reason: Reason, sentence: str, says: str = "") -> Expected:
    return Expected(reason, sentence, says)


NO_IMAGES = "the process engine runs programs of its own host"
NO_KILL = "Cromwell's backend and not Cromwell limits memory"
_UNUSABLE_ON_HOST = {"process": NO_IMAGES}
_ARG = "x" * 140_000

FAILURES = (
    Failure(
        "exit code 3",
        _failed(Reason.EXIT_CODE, r"the program failed with exit code 3", "said it"),
        "echo said it; exit 3",
    ),
    Failure(
        "exit code 1",
        _failed(Reason.EXIT_CODE, r"the program failed with exit code 1", "said it"),
        "echo said it; exit 1",
    ),
    Failure(
        "crash",
        _failed(Reason.SIGNAL, r"the program crashed: signal SIGSEGV", "said it"),
        "echo said it; kill -SEGV $$",
    ),
    Failure(
        "exit code 137",
        _failed(
            Reason.SIGNAL,
            r"exit code 137: the program was killed from outside \(SIGKILL\), or returned this code itself",
            "said it",
        ),
        "echo said it; exit 137",
    ),
    Failure(
        "out of memory",
        _failed(Reason.OUT_OF_MEMORY, rf"out of memory: the job exceeded its limit of {LIMIT} MiB", "said it"),
        f"echo said it; exec {EAT}",
        {"memory_limit": LIMIT},
        exceptions={"cromwell": NO_KILL},
    ),
    Failure(
        "out of memory in a child, exit code 1",
        _failed(
            Reason.OUT_OF_MEMORY,
            r"(out of memory: the job exceeded|exit code 1: the program's log shows a lack of memory).*",
            "said it",
        ),
        f"echo said it; {EAT} || exit 1",
        {"memory_limit": LIMIT},
        exceptions={"cromwell": NO_KILL},
    ),
    Failure(
        "out of memory in a child, exit code 0",
        Expected(
            "", r"the program reports success, but a process of it was killed.*", "said it", "finishedSuccessfully"
        ),
        f"echo said it; {EAT}; echo x > $1/x; exit 0",
        {"memory_limit": LIMIT},
        exceptions={
            "cromwell": NO_KILL,
            "process": Expected(Reason.OUT_OF_MEMORY, rf"out of memory: .* {LIMIT} MiB", "said it"),
        },
    ),
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
    Failure(
        "a directory as command",
        _failed(Reason.NOT_EXECUTABLE, rf"not executable in image \S+: {UNUSABLE}/directory"),
        fields={"entrypoint": [f"{UNUSABLE}/directory"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "no permission to execute",
        _failed(Reason.NOT_EXECUTABLE, rf"not executable in image \S+: {UNUSABLE}/no-permission"),
        fields={"entrypoint": [f"{UNUSABLE}/no-permission"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "a script without #!",
        _failed(
            Reason.WRONG_ARCHITECTURE,
            r"not executable in image .* another type of processor, or a script without #! .*",
        ),
        fields={"entrypoint": [f"{UNUSABLE}/no-interpreter-line"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "a program for another processor",
        _failed(Reason.WRONG_ARCHITECTURE, r"not executable in image .* another type of processor.*"),
        fields={"entrypoint": [f"{UNUSABLE}/other-processor"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "a missing interpreter",
        _failed(Reason.COMMAND_NOT_FOUND, r"no such command in image .*no-such-interpreter.*"),
        fields={"entrypoint": [f"{UNUSABLE}/no-such-interpreter"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "Windows line ends",
        _failed(Reason.COMMAND_NOT_FOUND, r"no such command in image .*windows-line-ends.*"),
        fields={"entrypoint": [f"{UNUSABLE}/windows-line-ends"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "an argument above 128 KiB",
        _failed(Reason.ARGUMENT_TOO_LONG, r"an argument or a variable of the command is longer than .*128 KiB\)"),
        fields={"entrypoint": ["sh", "-c"], "args": ["exit 0", _ARG]},
    ),
    Failure(
        "no outputs",
        Expected("", r"the program wrote no outputs", "said it", "finishedSuccessfully"),
        "echo said it",
    ),
    Failure("cancelled", _failed(Reason.CANCELLED, r"cancelled", "said it"), "echo said it; sleep 600", cancel=True),
    Failure(
        "time limit",
        _failed(Reason.TIME_LIMIT, r"stopped at its time limit of 1 minute", "said it"),
        "echo said it; sleep 600",
        {"time_limit": 1},
    ),
    Failure(
        "too many processes",
        _failed(Reason.TOO_MANY_PROCESSES, r".*(processes and threads|start a process or thread).*", "said it"),
        "echo said it; i=0; while [ $i -lt 60 ]; do sleep 20 & i=$((i+1)); done; wait",
    ),
    *(
        Failure(
            f"image: {name}",
            _failed(reason, sentence),
            registry=name,
            fields={"entrypoint": ["sh"]},
            exceptions=_UNUSABLE_ON_HOST,
        )
        for name, reason, sentence in (
            ("missing", Reason.IMAGE_NOT_FOUND, r"image \S+ can't be fetched: its registry does not have it"),
            ("no-repository", Reason.IMAGE_NOT_FOUND, r"image \S+ can't be fetched: its registry does not have it"),
            (
                "login",
                Reason.IMAGE_REFUSED,
                r"image \S+ can't be fetched: its registry denies access, or does not have it",
            ),
            (
                "denied",
                Reason.IMAGE_REFUSED,
                r"image \S+ can't be fetched: its registry denies access, or does not have it",
            ),
            (
                "busy",
                Reason.REGISTRY_LIMIT,
                r"image \S+ can't be fetched now: its registry limits the number of downloads",
            ),
            ("broken", Reason.REGISTRY_UNREACHABLE, r"image \S+ can't be fetched: its registry does not answer"),
            ("corrupt-layer", Reason.IMAGE_CORRUPT, r"image \S+ can't be fetched: its registry delivers damaged data"),
            ("short-layer", Reason.IMAGE_CORRUPT, r"image \S+ can't be fetched: its registry delivers damaged data"),
            ("other-platform", Reason.WRONG_ARCHITECTURE, r"image \S+ is for another type of processor.*"),
        )
    ),
    Failure(
        "image: no registry",
        _failed(Reason.REGISTRY_UNREACHABLE, r"image \S+ can't be fetched: its registry does not answer"),
        fields={"image": "127.0.0.1:1/pfcon/absent:1", "entrypoint": ["sh"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
    Failure(
        "image: bad name",
        _failed(Reason.INVALID_IMAGE_NAME, r"\S+ is not a valid name of an image"),
        fields={"image": "Not:An:Image", "entrypoint": ["sh"]},
        exceptions=_UNUSABLE_ON_HOST,
    ),
)
