"""Kinds of values: how a setting's text is read, and what the documentation and the faults say it may be.

A parser raises ValueError for a text it does not take. The error's own text is never shown, since it may quote a
secret: ``Kind.accepts`` is what a user reads.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
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
    """A kind of value. ``accepts`` completes the sentence "it accepts ..."; ``parse`` raises ValueError."""

    accepts: str
    parse: Callable[[str], T]


def text(accepts: str, pattern: str = r"[^\x00-\x1f\x7f]+") -> Kind[str]:
    """A text that matches the pattern as a whole; by default one without control characters."""
    compiled = re.compile(pattern)

    def parse(value: str) -> str:
        return match(compiled, value).group()

    return Kind(accepts, parse)


def user_name() -> Kind[str]:
    """A user that a token of less than 500 characters can name; a token holds it as JSON, then as base64."""
    plain = text("")

    def parse(value: str) -> str:
        if len(json.dumps(value)) > _USER_JSON_LENGTH:
            raise ValueError
        return plain.parse(value)

    return Kind(f"a text of at most {_USER_JSON_LENGTH - 2} characters, fewer outside ASCII", parse)


def choice(enum: type[E]) -> Kind[E]:
    """One of an enum's values, in any case."""
    known = {member.value: member for member in enum}
    return Kind(listing([*known]), lambda value: _lookup(known, value))


def one_of(names: Iterable[str], aliases: Mapping[str, str] | None = None) -> Kind[str]:
    """One of these names, in any case; ``aliases`` are further names for some of them."""
    plain, other = list(names), dict(aliases or {})
    known = {**{name: name for name in plain}, **other}
    accepts = listing(plain)
    if other:
        accepts += f" ({', '.join(f'{alias} means {name}' for alias, name in other.items())})"
    return Kind(accepts, lambda value: _lookup(known, value))


def boolean() -> Kind[bool]:
    """A yes or no."""
    return Kind("true, yes, on or 1; false, no, off or 0", lambda value: _lookup(_BOOLEANS, value))


def present() -> Kind[bool]:
    """True for every value that is not empty, as the Docker client has it: ``0`` is true too."""
    return Kind("any value; each means yes, also 0", lambda _: True)


def number(low: int, high: int, unit: str = "") -> Kind[int]:
    """A whole number of an inclusive range."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,19}", value, re.ASCII) or not low <= int(value) <= high:
            raise ValueError
        return int(value)

    return Kind(f"a whole number{unit and f' of {unit}'} from {low} to {high}", parse)


def size(low: int = 0) -> Kind[int]:
    """A size, read as bytes; below ``low`` bytes is refused. 0 is told to mean no limit where ``low`` is 0."""

    def parse(value: str) -> int:
        digits, unit = match(_SIZE, value).groups()
        count = int(digits) * _SIZE_UNITS[unit.lower()]
        if not low <= count < 2**63:
            raise ValueError
        return count

    bound = f", at least {low} bytes" if low else "; 0 is no limit"
    return Kind(f"a whole number of bytes, or of KiB, MiB, GiB or TiB (64 MiB){bound}", parse)


def address() -> Kind[tuple[str, int]]:
    """Where to listen, as (host, port); an IPv6 address loses its brackets."""

    def parse(value: str) -> tuple[str, int]:
        host, colon, port = value.rpartition(":")
        if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 1 <= int(port) <= 65535:
            raise ValueError
        if host.startswith("[") and host.endswith("]"):
            return str(IPv6Address(host[1:-1])), int(port)
        return match(_HOST_NAME, host).group(), int(port)

    return Kind("HOST:PORT, an IPv6 address in brackets ([::1]:5005), a port from 1 to 65535", parse)


def url() -> Kind[str]:
    """An http or https URL without credentials: clients, logs and ``repr`` get to see it."""

    def parse(value: str) -> str:
        if re.search(r"[\s\x00-\x1f\x7f]", value):
            raise ValueError
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.port == 0:
            raise ValueError
        return value

    return Kind("an http:// or https:// URL without a user name or password in it", parse)


def database_url() -> Kind[str]:
    """An SQLAlchemy URL of a database that all worker processes share."""

    def parse(value: str) -> str:
        name = re.compile(r"(?:sqlite(?:\+pysqlite)?:///|postgresql(?:\+[a-z0-9_]+)?://)([^\s?]+)(?:\?\S*)?")
        if match(name, value).group(1).startswith((":memory:", "file::memory:")):
            raise ValueError
        return value

    return Kind("an SQLAlchemy URL that begins with sqlite:/// or postgresql, and is not in memory", parse)


def directory() -> Kind[PurePosixPath]:
    """An absolute directory, not the root."""

    def parse(value: str) -> PurePosixPath:
        path = PurePosixPath(value)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2 or re.search(r"[\x00-\x1f\x7f]", value):
            raise ValueError
        return path

    return Kind("an absolute path, without '..', not the root", parse)


def local_directory() -> Kind[Path]:
    """The same, of this machine."""
    plain = directory()
    return Kind(plain.accepts, lambda value: Path(plain.parse(value)))


def local_path() -> Kind[Path]:
    """A directory of this machine, absolute or not."""
    plain = text("a directory")
    return Kind(plain.accepts, lambda value: Path(plain.parse(value)))


def pairs() -> Kind[tuple[tuple[str, str], ...]]:
    """``k=v,k2=v2`` as pairs; a value may be empty, a key may not come twice."""

    def parse(value: str) -> tuple[tuple[str, str], ...]:
        found = [tuple(part.strip() for part in item.split("=", 1)) for item in _items(value)]
        keys = {pair[0] for pair in found}
        if len(keys) < len(found) or any(len(pair) < 2 or not re.fullmatch(r"\S+", pair[0]) for pair in found):
            raise ValueError
        return tuple((pair[0], pair[1]) for pair in found)

    return Kind("KEY=VALUE,KEY2=VALUE2, each key once", parse)


def names(accepts: str, pattern: str) -> Kind[tuple[str, ...]]:
    """A list of names, separated by commas; each matches the pattern."""
    compiled = re.compile(pattern)

    def parse(value: str) -> tuple[str, ...]:
        return tuple(match(compiled, item).group() for item in _items(value))

    return Kind(accepts, parse)


def arguments(accepts: str) -> Kind[tuple[str, ...]]:
    """Words with the quotes of a shell, at least one."""
    plain = text("")

    def parse(value: str) -> tuple[str, ...]:
        found = tuple(shlex.split(plain.parse(value)))
        if not found or not found[0]:
            raise ValueError
        return found

    return Kind(accepts, parse)


def listing(items: list[str], last: str = "or") -> str:
    """Words as a sentence has them: ``a, b or c``."""
    return f" {last} ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def _items(value: str) -> list[str]:
    """The parts between commas, maybe empty ones; a comma at the end is forgiven."""
    return [item.strip() for item in value.rstrip(", ").split(",")]


def match(pattern: re.Pattern[str], value: str) -> re.Match[str]:
    if found := pattern.fullmatch(value):
        return found
    raise ValueError


def _lookup(known: Mapping[str, T], value: str) -> T:
    if value.lower() in known:
        return known[value.lower()]
    raise ValueError
