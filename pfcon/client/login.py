"""Finds the service's address, the user and the password: in the environment, then in the user's file."""

import os
import stat
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pfcon.client.errors import NotConfigured
from pfcon.settings.client import ClientSettings
from pfcon.settings.parsing import APPLICATION_MODE, parse
from pfcon.settings.section import variable
from pfcon.settings.service import AuthSettings, ServerSettings
from pfcon.settings.source import collect
from pfcon.settings.variable import Mode, Variable

API = "/api/v1/"
FILE = "pfcon/config.toml"  # below ~/.config
_MOST = 64 * 1024  # bytes of a file
_URL: Variable[str] = variable(ClientSettings, "url")
_USER: Variable[str] = variable(AuthSettings, "user")
_PASSWORD: Variable[str] = variable(AuthSettings, "password")
_BIND: Variable[tuple[str, int]] = variable(ServerSettings, "address")
_VARIABLES = (APPLICATION_MODE, _URL, _USER, _PASSWORD, _BIND)
_KEYS = {"url": _URL, "user": _USER, "password": _PASSWORD}
_PASSWORD_FILE = "password_file"  # noqa: S105 - the key of a path
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to connect if the service listens on all


@dataclass(frozen=True)
class Login:
    """url: the base of all resources, which ends with ``/api/v1/``."""

    url: str
    user: str
    password: str = field(repr=False)


def config_file(environ: Mapping[str, str]) -> Path:
    """Return the path of the user's file, which need not exist."""
    base = environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path(environ.get("HOME") or "/", ".config")) / FILE


def find_login(environ: Mapping[str, str] | None = None) -> Login:
    """Return the login. environ: None means the process's environment. Raises NotConfigured with all faults."""
    environ = os.environ if environ is None else environ
    texts = collect(environ, _VARIABLES)
    values, faults = parse(texts, _VARIABLES)
    path = config_file(environ)
    given = dict[str, Any]()
    try:
        given = _read(path)
    except NotConfigured as fault:
        faults.append(str(fault))
    if faults:
        raise NotConfigured("\n".join(faults))
    mode = values.get(APPLICATION_MODE) or Mode.PRODUCTION
    found = dict[str, str]()
    for key, known in _KEYS.items():
        text = texts.found.get(known.name) or given.get(key) or known.default_in(mode)
        if text:
            found[key] = text
    here = _BIND.name in texts.found or ("url" not in given and mode is Mode.DEVELOPMENT)
    if here and _URL.name not in texts.found:
        found["url"] = _local(*values.parsed[_BIND.name])
    if missing := [key for key in _KEYS if key not in found]:
        raise NotConfigured("\n".join(_how_to_give(key, path) for key in missing))
    return Login(base_url(found["url"]), found["user"], found["password"])


def base_url(url: str) -> str:
    """Return a URL that ends with ``/api/v1/``, for one that may lack it."""
    plain = url.partition("?")[0].partition("#")[0].rstrip("/")
    return plain.removesuffix(API.rstrip("/")).rstrip("/") + API


def _local(host: str, port: int) -> str:
    host = _EVERYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _how_to_give(key: str, path: Path) -> str:
    name = _KEYS[key].name
    or_file = f" or {name}_FILE" if key != "url" else ", such as https://pfcon.example.org,"
    return f'the {key} is missing: set {name}{or_file} in the environment, or {key} = "..." in {path}'


def _read(path: Path) -> dict[str, str]:
    """Return the texts of the user's file by key; none if there is no file. Raises NotConfigured."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = tomllib.loads(file.read(_MOST).decode())
    except FileNotFoundError:
        return {}
    except OSError as fault:
        raise NotConfigured(f"{path}: can't be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise NotConfigured(f"{path}: is not valid UTF-8") from None
    except tomllib.TOMLDecodeError as fault:
        raise NotConfigured(f"{path}: is not valid TOML: {fault}") from None
    known = (*_KEYS, _PASSWORD_FILE)
    for key, value in content.items():
        if key not in known:
            raise NotConfigured(f"{path}: {key} is not known; it accepts {', '.join(known)}")
        if not isinstance(value, str) or not value.strip():
            raise NotConfigured(f"{path}: {key} must be a text in quotes")
        if key in _KEYS:
            _check(path, key, value)
    if "password" in content:
        _require_private(path, mode)
    if secret := content.pop(_PASSWORD_FILE, None):
        if "password" in content:
            raise NotConfigured(f"{path}: has password and {_PASSWORD_FILE}; give one of them")
        content["password"] = _read_secret(path, secret)
    return content


def _check(path: Path, key: str, value: str) -> None:
    kind = _KEYS[key].kind
    try:
        kind.parse(value)
    except ValueError:
        raise NotConfigured(f"{path}: {key} is not accepted; it accepts {kind.accepts}") from None


def _require_private(path: Path, mode: int) -> None:
    if not stat.S_ISDIR(mode) and stat.S_IMODE(mode) & 0o077:
        raise NotConfigured(f"{path}: has a password, and other users may read it: run chmod 600 {path}")


def _read_secret(path: Path, secret: str) -> str:
    place = path.parent / os.path.expanduser(secret)
    with suppress(OSError, ValueError):  # told below; ValueError: NUL
        _require_private(place, place.stat().st_mode)
    name = {_PASSWORD.file_name or "": str(place)}
    found = collect(name, (_PASSWORD,))
    if found.faults:
        raise NotConfigured(f"{path}: {_PASSWORD_FILE}: {place} can't be used: it must be a file with the password")
    return found.found[_PASSWORD.name]
