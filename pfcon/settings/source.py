"""Collects the texts of settings from the environment, a ``.env`` file and files of secrets."""

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
_SIMILARITY = 0.8  # ratio of difflib for names after the prefix; 0.75 would match PFCON_IMAGE with PFCON_OP_IMAGE
_DOTENV_NAME = re.compile(r"^[ \t]*(?:export[ \t]+)?'?([A-Za-z_][A-Za-z0-9_]*)'?[ \t]*=", re.MULTILINE)


@dataclass
class Texts:
    """found: texts by variable name. faults: a line for each variable that is unreadable or misspelt, by its name."""

    found: dict[str, str] = field(default_factory=dict, repr=False)
    faults: dict[str, str] = field(default_factory=dict)


def process_environment() -> tuple[dict[str, str], list[str]]:
    """Return the process's environment with additions from ``.env`` in the current directory, and that file's faults.

    The environment has precedence, even with an empty value: an empty variable disables a line of ``.env``.
    """
    merged = dict(os.environ)
    try:
        with open(DOTENV, encoding="utf-8") as file:
            names = _DOTENV_NAME.findall(file.read())
    except FileNotFoundError:
        return merged, []
    except (OSError, UnicodeDecodeError) as error:
        return merged, [f"{DOTENV}: can't be read: {_reason(error)}"]
    from environs import Env  # imported only when the file exists: it takes time

    env = Env()
    env.read_env(DOTENV, recurse=False)
    for name in names:
        value = env.str(name, None)  # the environment has precedence
        if value is not None:
            merged[name] = value
    return merged, []


def collect(environ: Mapping[str, str], variables: Iterable[Variable[Any]]) -> Texts:
    """Find the text of each variable: its own value, or the file that ``NAME_FILE`` names. Blank means unset."""
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
                f"it accepts the path of a file that contains {variable.name}"
            )
    elif value.strip():
        texts.found[variable.name] = value if variable.secret else value.strip()


def _read_secret(path: str) -> str:
    """Return a file's text without one newline at its end. Raises OSError, ValueError (empty, too long, no UTF-8)."""
    value = _read_text(path, "strict")
    if not value.strip():
        raise ValueError("which is empty")
    return value


def read_directory(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the texts of those files, by name, each without one newline at its end. Missing files are left out.

    Bytes that are not UTF-8 become surrogates, as in ``os.environ``. Raises OSError, and ValueError when a file is too
    long.
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
    """Return the path for a message, but not if it may be the secret itself, set in the wrong variable."""
    return repr(path) if path.startswith(("/", "./", "../")) else f"a value of {len(path)} characters"


def _reason(error: Exception) -> str:
    """Return why a file can't be read, without its content: a decoding error's own text would quote it."""
    if isinstance(error, UnicodeDecodeError):
        return "which is not valid UTF-8"
    return (error.strerror or "unreadable") if isinstance(error, OSError) else str(error)


def _unknown(name: str, known: set[str]) -> str | None:
    stem = name.removesuffix(FILE_SUFFIX)
    if stem in known:
        return f"{name}: is not a setting; {stem} is not a secret and can't come from a file"
    ours = [other.removeprefix(PREFIX) for other in sorted(known) if other.startswith(PREFIX)]
    close = difflib.get_close_matches(name.removeprefix(PREFIX), ours, n=1, cutoff=_SIMILARITY)
    return f"{name}: is not a setting; did you mean {PREFIX}{close[0]}?" if close else None
