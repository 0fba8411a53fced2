"""Lines of shell code that only set variables, and what their words stand for. Pure.

A line is read once, from left to right: the scripts are of an image, and may be made to keep pfcon busy.
"""

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z_][A-Za-z0-9_]*+"
_EXPANSION = (
    rf"\$(?:(?P<bare>{_NAME})|\{{(?P<braced>{_NAME})"
    r"(?:(?P<operator>:?-)(?P<default>\"[^\"\\$`]*+\"|[^\"'\\$`{}\s]*+))?\})"
)
_UNQUOTED = re.compile(
    rf"""'(?P<single>[^']*+)'|(?P<quote>")|\\(?P<escaped>.)|{_EXPANSION}"""
    r"""|(?P<plain>[^ \t\r\0'"\\$`;&|<>()*?~\[\]{}]++)"""
)
_QUOTED = re.compile(rf"""(?P<quote>")|\\(?P<escaped>[\\"$`])|{_EXPANSION}|(?P<plain>[^\r\0"\\$`]++)""")
_EXPORT = re.compile(r"export[ \t]++")
_VARIABLE = re.compile(_NAME)
_BLANKS = re.compile(r"[ \t]*+")
_END = re.compile(r"(?:;[ \t]*+)?+(?:#.*+)?+")


@dataclass(frozen=True)
class Expansion:
    """$NAME, or ${NAME-default}; with ``or_empty`` ${NAME:-default}, which is for an empty variable, too."""

    name: str
    default: str | None = None
    or_empty: bool = False


@dataclass(frozen=True)
class Assignment:
    """NAME=WORD. parts: texts, and what is replaced by the value of another variable."""

    name: str
    parts: tuple[str | Expansion, ...]


@dataclass(frozen=True)
class Line:
    """The assignments of a line. of_export: they are words of the command ``export``."""

    assignments: tuple[Assignment, ...]
    of_export: bool


def assignments_of(line: str) -> Line | None:
    """Return what a line sets; None if it has any other shell code."""
    at = _blanks(line, 0)
    export = _EXPORT.match(line, at)
    at = export.end() if export else at
    found: list[Assignment] = []
    first = at
    while name := _VARIABLE.match(line, at):
        at = name.end()
        if line.startswith("=", at):
            word = _word(line, at + 1)
            if word is None:
                return None
            parts, at = word
            found.append(Assignment(name[0], parts))
        elif not export:
            return None
        after = _blanks(line, at)
        if after == at:
            break
        at = after
    if export and at == first:
        return None
    if line.startswith("#", at) and at and line[at - 1] not in " \t":
        return None
    return Line(tuple(found), bool(export)) if _END.fullmatch(line, at) else None


def _blanks(line: str, at: int) -> int:
    found = _BLANKS.match(line, at)
    return found.end() if found else at


def _word(line: str, at: int) -> tuple[tuple[str | Expansion, ...], int] | None:
    """Return the parts of the word that begins there, and where it ends; None if a quote in it has no end."""
    parts: list[str | Expansion] = []
    quoted = False
    while found := (_QUOTED if quoted else _UNQUOTED).match(line, at):
        at = found.end()
        if found["quote"]:
            quoted = not quoted
        elif name := found["bare"] or found["braced"]:
            default = found["default"]
            parts.append(Expansion(name, default and default.strip('"'), found["operator"] == ":-"))
        else:
            parts.append(found[found.lastgroup or "plain"])
    return None if quoted else (tuple(parts), at)
