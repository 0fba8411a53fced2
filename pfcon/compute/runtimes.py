"""Why a command could not be run, by the texts of container runtimes, inits and shells. Pure.

The texts are not part of any API. They are those of runc 1.0 to 1.3 and crun 1.8 to 1.28 (as Docker, Podman and
kubelets forward them, or as they write them to the container's log), of the inits tini 0.19 and catatonit 0.1.7, of
Charliecloud's ch-run, of Apptainer and of bash and dash. tests/data has recorded ones.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from pfcon.compute.words import plain
from pfcon.reasons import Reason, Why, explain

CODES = frozenset({1, 126, 127, 128, 255})
"""The exit codes of containers whose command could not be run; of a program, all of them may be its own."""

LONGEST = 16 * 1024
"""Bytes of a log to read, from its beginning: if the log is longer, the command has run."""

_PART = 2048  # characters of a long text, from its begin and its end, that are searched

# What the kernel answers to execve(2), in the words of C, Go and shells; the first match counts.
_ANSWERS: Mapping[str, Reason] = MappingProxyType(
    {
        r"argument list too long": Reason.ARGUMENT_TOO_LONG,
        r"exec format error|cannot execute binary file": Reason.WRONG_ARCHITECTURE,
        r"(?:executable file |required file )?not found|no such file(?: or directory)?|not a directory": (
            Reason.COMMAND_NOT_FOUND
        ),
        r"permission denied|operation not permitted|is a directory|exists but it is not executable"
        r"|is not a regular file": Reason.NOT_EXECUTABLE,
        r"resource temporarily unavailable": Reason.TOO_MANY_PROCESSES,
        r"no space left on device": Reason.DISK_FULL,
    }
)
_ANSWER = "|".join(_ANSWERS)

# A runtime that could not start the container. Podman adds a guess of its own at the end. After "fork/exec" comes a
# program of the engine's, which could not be started either.
_NOT_STARTED = re.compile(
    rf"exec: \"[^\"\n]*\": (?:stat [^:\n]*: )?(?P<runc>{_ANSWER})"
    rf"|(?<!/)exec(?: user process caused:?)? \"?(?P<script>/\S+)\"?: (?P<exec>{_ANSWER})"
    rf"|exec user process caused:? \"?(?P<old>{_ANSWER})"
    rf"|exec container process (?:\(missing dynamic library\?\) )?`(?P<crun_file>/[^`]*)`: (?P<crun>{_ANSWER})"
    rf"|executable file \S+ (?P<crun_path>not found)"
    rf"|open executable: (?P<crun_open>{_ANSWER})"
    rf"|the path `[^`\n]*` (?P<irregular>is not a regular file)"
    rf"|(?P<bare>exists but it is not executable)"
    rf"|can't exec(?:ve\(2\))?(?: user command)?: (?:[^\n]{{0,300}}: )?(?P<charliecloud>{_ANSWER})"
    rf"|launch\.sh: (?:line \d+: |\d+: )?[^\n]{{0,300}}: (?P<shell>{_ANSWER}|cannot execute)"
    rf"|FATAL: +(?:(?:(?:stat|exec) \S+(?: failed)?|\"[^\"]*\"): )?(?P<apptainer>{_ANSWER})",
    re.IGNORECASE,
)
# The only line of a log, of an init or runtime that could not run the command in a container that it had started.
_IN_LOG = re.compile(
    rf"\[FATAL tini \(\d+\)\] exec (?s:.*) failed: (?P<tini>.*)"
    rf"|ERROR \(catatonit:\d+\): failed to exec pid1: (?P<catatonit>.*)"
    rf"|(?:\S+\.go:\d+: )?exec user process caused:? \"?(?P<old>{_ANSWER})\"?"
    rf"|exec (?P<script>/\S+): (?P<exec>{_ANSWER})"
    rf"|.*exec container process (?:\(missing dynamic library\?\) )?`(?P<crun_file>/[^`]*)`: (?P<crun>{_ANSWER}).*",
    re.IGNORECASE,
)
_FILES = frozenset({"script", "crun_file"})  # groups of a file that the runtime has found


def start_failure(text: str, image: str, command: str) -> Why | None:
    """Return why a runtime could not start a command; None for other texts, and other reasons."""
    text = text if len(text) <= 2 * _PART else text[:_PART] + text[-_PART:]
    found = _NOT_STARTED.search(text.replace('\\"', '"'))
    return _why(found, image, command) if found else None


def failure_in_log(log: str, image: str, command: str) -> Why | None:
    """Return why a command could not be run, by the log of its container; None if it has run."""
    found = _IN_LOG.fullmatch(log.strip())
    return _why(found, image, command) if found else None


def _why(found: "re.Match[str]", image: str, command: str) -> Why:
    """Return the reason for the answer of the kernel in a match."""
    groups = {name: text for name, text in found.groupdict().items() if text is not None}
    file = next((groups.pop(name) for name in list(groups) if name in _FILES), None)
    answer = next(iter(groups.values()))
    reason = next((reason for text, reason in _ANSWERS.items() if re.search(text, answer, re.IGNORECASE)), None)
    if reason is None:
        return explain(Reason.ENGINE_FAULT, cause=plain(answer), detail=found[0])
    script = file if reason is Reason.COMMAND_NOT_FOUND else None
    of = None if reason is Reason.DISK_FULL else image  # it was fetched: that is another disk
    return explain(reason, image=of, command=command, script=script, detail=found[0])
