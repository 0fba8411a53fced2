"""The command line of a launcher, a template with named places that are filled in for each job. Pure."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

PLACES: Mapping[str, str] = {
    "command": "the job's command: a word of its own, replaced by the words of the command",
    "source, target, access": "a mount: a directory of the machine, its path in the container, and `ro` or `rw`; a "
    "word with `{source}` is repeated for each mount",
    "ro:TEXT": "TEXT for read-only mounts, and nothing for others, in a word with `{source}`",
    "rootfs": "the directory of the unpacked image, which its jobs share and none may write to",
    "bundle": "an OCI bundle: a directory with a `config.json`, which has the command, the mounts and the variables",
    "image": "the image, as the job names it",
    "env_file": "a file with a line NAME=VALUE for each variable; values of several lines are refused",
    "env_script": "a file of shell commands that set the variables",
    "cwd": "the working directory of the image",
    "name": "a name for the container, unique on its machine",
    "hostname": "a host name for the container",
    "workdir": "a directory of the machine for this worker alone, removed after it",
    "log": "a file for the launcher's own messages",
    "shm": "the size of `/dev/shm` in MiB (`SHM_SIZE`); a word with this place is left out without one. Without this "
    "place or `{bundle}`, that setting is refused",
    "uid, gid": "the user of the job in its container (`CONTAINER_USER`), as `{shm}`",
    "gpus:WORD": "WORD for jobs with GPUs; the word is left out for others. Without this place, such jobs are refused",
}
"""The places of a template, and what they are replaced by; for the docs."""

_MOUNT = {"source", "target", "access", "ro"}
_WITH_TEXT = frozenset({"ro", "gpus"})
_OPTIONAL = frozenset({"shm", "uid", "gid"})
_NAMES = {name.strip() for names in PLACES for name in names.partition(":")[0].split(",")}
_PROGRAM = re.compile(r"[A-Za-z0-9_./+-]+")


@dataclass(frozen=True)
class Template:
    """A command line. words: of the program and its arguments, in the format of str.format()."""

    words: tuple[str, ...]

    @property
    def program(self) -> str:
        """Return the program: a name, which is searched on the machine's PATH, or an absolute path."""
        return self.words[0]

    @property
    def places(self) -> frozenset[str]:
        """Return the names of its places."""
        return frozenset(name for word in self.words for name in _places(word))

    def check(self) -> None:
        """Raise ValueError for a template that can't run a job."""
        if not self.words or not _PROGRAM.fullmatch(self.program):
            raise ValueError("the first word must be a program")
        if unknown := self.places - _NAMES:
            raise ValueError(f"there is no place {{{min(unknown)}}}; places: {', '.join(sorted(_NAMES))}")
        for word in self.words:
            _check_word(word)
        if any(_MOUNT & {*found} and not {"source", "target"} <= {*found} for found in map(_places, self.words)):
            raise ValueError("a word with {target}, {access} or {ro:TEXT} needs {source} and {target}, too")
        if "bundle" in self.places:
            return
        if "{command}" not in self.words:
            raise ValueError("it needs {command} as a word of its own, or {bundle}")
        if not {"source", "target"} <= self.places:
            raise ValueError("it needs {source} and {target} in one word, or {bundle}: jobs need their files")
        if not self.places & {"rootfs", "image"}:
            raise ValueError("it needs {rootfs}, {image} or {bundle}")

    def shell(self, values: Mapping[str, str], mounts: Sequence[Mapping[str, str]], argv: str, *, gpus: bool) -> str:
        """Return the arguments as shell code. values, mounts: shell code for each place; argv: for the command.

        A word is left out if the job has no value for one of its places that are optional.
        """
        found = []
        for word in self.words[1:]:
            places = _places(word)
            if _OPTIONAL.intersection(places).difference(values):
                continue
            if word == "{command}":
                found.append(argv)
            elif "gpus" in places:
                found += [_filled(word, values)] if gpus else []
            elif "source" in places:
                found += [_filled(word, {**values, **mount}) for mount in mounts]
            else:
                found.append(_filled(word, values))
        return " ".join(found)


def template(text: str) -> Template:
    """Return a template from text whose words are quoted as in a shell; it isn't checked."""
    return Template(tuple(shlex.split(text)))


def literal(word: str) -> str:
    """Return a word of a template that stands for this text."""
    return word.replace("{", "{{").replace("}", "}}")


def _check_word(word: str) -> None:
    """Raise ValueError for a word whose places can't be filled in as they are written."""
    places = _places(word)
    if "command" in places and word != "{command}":
        raise ValueError(f"{word}: {{command}} has to be a word of its own")
    if {"gpus", "source"} <= {*places}:
        raise ValueError(f"{word}: {{gpus:WORD}} can't be in a word with {{source}}")
    for _, name, text, conversion in Formatter().parse(word):
        if name is None:
            continue
        if conversion or (text and name not in _WITH_TEXT):
            raise ValueError(f"{word}: {{{name}}} has neither a conversion nor a format")
        if name in _WITH_TEXT and not text:
            raise ValueError(f"{word}: {{{name}}} needs a text, {{{name}:TEXT}}")
        if {*"{}"} & {*(text or "")}:
            raise ValueError(f"{word}: the text of {{{name}:TEXT}} has neither braces nor places")


def _places(word: str) -> list[str]:
    """Return the names of a word's places. Raises ValueError for braces that do not match."""
    try:
        return [name for _, name, _, _ in Formatter().parse(word) if name is not None]
    except ValueError as fault:
        raise ValueError(f"{word}: {fault}; a brace itself is written twice") from fault


def _filled(word: str, values: Mapping[str, str]) -> str:
    """Return a word as shell code; the text of {gpus:TEXT} is that text, as that of {ro:TEXT} for a read-only mount."""
    parts = []
    for literal, name, text, _ in Formatter().parse(word):
        parts.append(shlex.quote(literal) if literal else "")
        if name == "gpus" or (name == "ro" and values["access"] == "ro"):
            parts.append(shlex.quote(text or ""))
        elif name is not None and name != "ro":
            parts.append(values[name])
    return "".join(parts) or "''"
