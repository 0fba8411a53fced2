"""Where the texts of the settings come from: the environment, a ``.env`` file, files that hold secrets."""

import contextlib
import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pfcon.settings.variable import FILE_SUFFIX, Variable

DOTENV = ".env"
PREFIX = "PFCON_"
_SECRET_FILE_BYTES = 64 * 1024
_SIMILARITY = 0.8  # of the names after the prefix; at 0.75, PFCON_IMAGE would be taken for PFCON_OP_IMAGE
_DOTENV_NAME = re.compile(r"^[ \t]*(?:export[ \t]+)?'?([A-Za-z_][A-Za-z0-9_]*)'?[ \t]*=", re.MULTILINE)


@dataclass
class Texts:
    """What was set, by variable. ``faults`` are lines by the variable that could not be had, or was not meant."""

    found: dict[str, str] = field(default_factory=dict, repr=False)
    faults: dict[str, str] = field(default_factory=dict)


def process_environment() -> tuple[dict[str, str], list[str]]:
    """The process's environment, completed from ``.env`` in the current directory, and faults of that file.

    What the environment has wins, also where it is empty: that is how a line of ``.env`` is taken back.
    """
    merged = dict(os.environ)
    try:
        with open(DOTENV, encoding="utf-8") as file:
            names = _DOTENV_NAME.findall(file.read())
    except FileNotFoundError:
        return merged, []
    except (OSError, UnicodeDecodeError) as error:
        return merged, [f"{DOTENV}: can't be read: {_reason(error)}"]
    from environs import Env  # only those who have such a file pay for it

    env = Env()
    env.read_env(DOTENV, recurse=False)
    for name in names:
        value = env.str(name, None)  # the environment's, where it has one
        if value is not None:
            merged[name] = value
    return merged, []


def collect(environ: Mapping[str, str], variables: Iterable[Variable[Any]]) -> Texts:
    """Find the text of each variable, by itself or in the file that ``NAME_FILE`` names. Blank is unset."""
    texts = Texts()
    known = set[str]()
    for variable in variables:
        known.update({variable.name, variable.file_name or variable.name})
        _collect_one(environ, variable, texts)
    for name in sorted(environ):
        strange = name.startswith(PREFIX) and name not in known and environ[name].strip()
        if strange and (fault := _unknown(name, known)):
            texts.faults[name] = fault
    return texts


def _collect_one(environ: Mapping[str, str], variable: Variable[Any], texts: Texts) -> None:
    value = environ.get(variable.name, "")
    path = environ.get(variable.file_name, "").strip() if variable.file_name else ""
    if value.strip() and path:
        texts.faults[variable.name] = f"{variable.name}: set together with {variable.file_name}; set one of them"
    elif path:
        try:
            value = _read_secret(path)
            texts.found[variable.name] = value if variable.secret else value.strip()
        except (OSError, ValueError) as error:
            texts.faults[variable.name] = (
                f"{variable.file_name}: got {_shown_path(path)}, {_reason(error)}; "
                f"it accepts the path of a file that holds {variable.name}"
            )
    elif value.strip():
        texts.found[variable.name] = value if variable.secret else value.strip()


def _read_secret(path: str) -> str:
    """A file's text without one newline at its end. Raises OSError, or ValueError where it holds no such text."""
    value = _read_text(path, "strict")
    if not value.strip():
        raise ValueError("which is empty")
    return value


def read_directory(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """The texts of a directory's files that have these names, each without one newline at its end.

    They are as an environment has them: bytes that are no UTF-8 become surrogates. Raises OSError, or ValueError for a
    file that is too long.
    """
    found = {}
    for name in names:
        with contextlib.suppress(FileNotFoundError):
            found[name] = _read_text(directory / name, "surrogateescape")
    return found


def _read_text(path: str | Path, errors: str) -> str:
    with open(path, "rb") as file:
        raw = file.read(_SECRET_FILE_BYTES + 1)
    if len(raw) > _SECRET_FILE_BYTES:
        raise ValueError(f"which is longer than {_SECRET_FILE_BYTES} bytes")
    return raw.decode("utf-8", errors).removesuffix("\n").removesuffix("\r")


def _shown_path(path: str) -> str:
    """A path, unless it may be the secret itself, put where its file was asked for."""
    return repr(path) if path.startswith(("/", "./", "../")) else f"a value of {len(path)} characters"


def _reason(error: Exception) -> str:
    """Why a file can't be read; a decoding error's own text would quote the file."""
    if isinstance(error, UnicodeDecodeError):
        return "which is no UTF-8 text"
    return (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)


def _unknown(name: str, known: set[str]) -> str | None:
    stem = name.removesuffix(FILE_SUFFIX)
    if stem in known:
        return f"{name}: is no setting; {stem} is no secret and can't come from a file"
    ours = [other.removeprefix(PREFIX) for other in sorted(known) if other.startswith(PREFIX)]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), ours, n=1, cutoff=_SIMILARITY)
    return f"{name}: is no setting; did you mean {PREFIX}{close[0]}?" if close else None
