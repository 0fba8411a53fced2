"""Kinds of values: the parser of a setting's text, and a description of what it accepts.

A parser raises ValueError for a text that it does not accept. The error's text is never shown, because it may quote a
secret: users read ``Kind.accepts`` instead.
"""

import json
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Address
from pathlib import Path, PurePosixPath
from typing import Generic, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

_BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_SIZE = re.compile(r"(\d{1,19}) ?(|KiB|MiB|GiB|TiB)", re.IGNORECASE | re.ASCII)
_SIZE_UNITS = {"": 1, "kib": 1024, "mib": 1024**2, "gib": 1024**3, "tib": 1024**4}
_HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_USER_JSON_LENGTH = 200


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A kind of value. accepts: completes the sentence "it accepts ...". parse: raises ValueError."""

    accepts: str
    parse: Callable[[str], T]


def text(accepts: str, pattern: str = r"[^\x00-\x1f\x7f]+") -> Kind[str]:
    """A text that fully matches the pattern; by default any text without control characters."""
    compiled = re.compile(pattern)

    def parse(value: str) -> str:
        return match(compiled, value).group()

    return Kind(accepts, parse)


def user_name() -> Kind[str]:
    """A user name short enough for a token of less than 500 characters, which contains it as JSON in base64."""
    plain = text("")

    def parse(value: str) -> str:
        if len(json.dumps(value)) > _USER_JSON_LENGTH:
            raise ValueError
        return plain.parse(value)

    return Kind(f"a text of at most {_USER_JSON_LENGTH - 2} characters, fewer if some are not ASCII", parse)


def choice(enum: type[E], *, without: Collection[E] = ()) -> Kind[E]:
    """One of an enum's values, case-insensitive, except those."""
    known = {member.value: member for member in enum if member not in without}
    return Kind(listing([*known]), lambda value: _lookup(known, value))


def one_of(names: Iterable[str], aliases: Mapping[str, str] | None = None) -> Kind[str]:
    """One of these names, case-insensitive. aliases: maps other names to them."""
    plain, other = list(names), dict(aliases or {})
    known = {**{name: name for name in plain}, **other}
    accepts = listing(plain)
    if other:
        accepts += f" ({', '.join(f'{alias} means {name}' for alias, name in other.items())})"
    return Kind(accepts, lambda value: _lookup(known, value))


def boolean() -> Kind[bool]:
    """A boolean."""
    return Kind("true, yes, on or 1; false, no, off or 0", lambda value: _lookup(_BOOLEANS, value))


def present() -> Kind[bool]:
    """True for every value that is not empty, even ``0``, as in the Docker client."""
    return Kind("any value means yes, also 0", lambda _: True)


def number(low: int, high: int, unit: str = "") -> Kind[int]:
    """An integer of an inclusive range. unit: only for the description."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return Kind(f"a whole number{unit and f' of {unit}'} from {low} to {high}", parse)


def size(low: int = 0) -> Kind[int]:
    """A size in bytes, at least ``low``. When ``low`` is 0, the description says that 0 means no limit."""

    def parse(value: str) -> int:
        digits, unit = match(_SIZE, value).groups()
        count = int(digits) * _SIZE_UNITS[unit.lower()]
        if not low <= count < 2**63:
            raise ValueError
        return count

    bound = f"; at least {low} bytes" if low else "; 0 means no limit"
    return Kind(f"a whole number of bytes, or of KiB, MiB, GiB or TiB, for example 64 MiB{bound}", parse)


def address() -> Kind[tuple[str, int]]:
    """An address to listen on, as (host, port); an IPv6 address is without brackets."""

    def parse(value: str) -> tuple[str, int]:
        host, colon, port = value.rpartition(":")
        if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
            raise ValueError
        if host.startswith("[") and host.endswith("]"):
            return str(IPv6Address(host[1:-1])), int(port)
        return match(_HOST_NAME, host).group(), int(port)

    return Kind("HOST:PORT, an IPv6 address in brackets ([::1]:5005), a port from 1 to 65535", parse)


def url() -> Kind[str]:
    """An http or https URL without credentials, because clients, logs and ``repr`` show it."""

    def parse(value: str) -> str:
        if re.search(r"[\s\x00-\x1f\x7f]", value):
            raise ValueError
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0:
            raise ValueError
        parts.hostname.encode("idna")  # urllib3 does, and raises an error of its own: an empty label, or a long one
        return value

    return Kind("an http:// or https:// URL without a user name or password in it", parse)


def database_url() -> Kind[str]:
    """An SQLAlchemy URL of a database that all service processes can share."""

    def parse(value: str) -> str:
        name = re.compile(r"(?:sqlite(?:\+pysqlite)?:///|postgresql(?:\+[a-z0-9_]+)?://)([^\s?]+)(?:\?\S*)?")
        if match(name, value).group(1).startswith((":memory:", "file::memory:")):
            raise ValueError
        return value

    return Kind("an SQLAlchemy URL that begins with sqlite:/// or postgresql, and is not in memory", parse)


def directory() -> Kind[PurePosixPath]:
    """An absolute path of a directory, not the root; it may be of another machine."""

    def parse(value: str) -> PurePosixPath:
        path = PurePosixPath(value)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError
        return path

    return Kind("an absolute path, without '..', not the root", parse)


def local_directory() -> Kind[Path]:
    """An absolute path of a directory of this machine, not the root."""
    plain = directory()
    return Kind(plain.accepts, lambda value: Path(plain.parse(value)))


def local_file() -> Kind[Path]:
    """An absolute path of a file of this machine."""
    plain = directory()
    return Kind("an absolute path of a file, without '..'", lambda value: Path(plain.parse(value)))


def local_path() -> Kind[Path]:
    """A path of a directory of this machine, absolute or relative."""
    plain = text("a directory")
    return Kind(plain.accepts, lambda value: Path(plain.parse(value)))


def pairs() -> Kind[tuple[tuple[str, str], ...]]:
    """``k=v,k2=v2`` as pairs; a value may be empty, keys are unique."""

    def parse(value: str) -> tuple[tuple[str, str], ...]:
        found = [tuple(part.strip() for part in item.split("=", 1)) for item in _items(value)]
        keys = {pair[0] for pair in found}
        if len(keys) < len(found) or any(len(pair) < 2 or not re.fullmatch(r"\S+", pair[0]) for pair in found):
            raise ValueError
        return tuple((pair[0], pair[1]) for pair in found)

    return Kind("KEY=VALUE,KEY2=VALUE2, each key once", parse)


def names(accepts: str, pattern: str) -> Kind[tuple[str, ...]]:
    """A comma-separated list of names; each fully matches the pattern."""
    compiled = re.compile(pattern)

    def parse(value: str) -> tuple[str, ...]:
        return tuple(match(compiled, item).group() for item in _items(value))

    return Kind(accepts, parse)


def arguments(accepts: str) -> Kind[tuple[str, ...]]:
    """At least one argument, split and quoted as in a shell (shlex)."""
    plain = text("")

    def parse(value: str) -> tuple[str, ...]:
        found = tuple(shlex.split(plain.parse(value)))
        if not found or not found[0]:
            raise ValueError
        return found

    return Kind(accepts, parse)


def listing(items: list[str], last: str = "or") -> str:
    """Join items as in a sentence: ``a, b or c``. last: the conjunction."""
    return f" {last} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def _items(value: str) -> list[str]:
    """Split at commas; parts may be empty, commas at the end are ignored."""
    return [item.strip() for item in value.rstrip(", ").split(",")]


def match(pattern: re.Pattern[str], value: str) -> re.Match[str]:
    """Match the whole value. Raises ValueError."""
    if found := pattern.fullmatch(value):
        return found
    raise ValueError


def _lookup(known: Mapping[str, T], value: str) -> T:
    if value.lower() in known:
        return known[value.lower()]
    raise ValueError
