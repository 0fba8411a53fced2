"""A storage's own settings for its operations, as files: no record may contain them, for they include credentials.

Each settings variable is one file. The service writes the files to a directory that only its user can read; operations
run as the same user. An engine with secrets of its own, as Kubernetes, mounts a secret instead, whose keys are the
names of the variables.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pfcon.errors import ConfigurationError, Refused
from pfcon.files.writing import replace_file
from pfcon.paths import StoreBase
from pfcon.settings.parsing import APPLICATION_MODE, parse
from pfcon.settings.rules import required
from pfcon.settings.section import build, texts, variables
from pfcon.settings.source import collect, read_directory
from pfcon.settings.variable import Mode
from pfcon.storage.description import StorageDescription
from pfcon.storage.settings import StorageSettings

NETWORK_VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""Variables that the storages' client libraries read from the environment. A proxy's URL may contain a password."""
_TEMPORARY = ".new-"


@dataclass(frozen=True)
class Credentials:
    """The credentials of the service's storage. name: of the storage, and of the Secret of its operations."""

    name: str
    own: Any
    storebase: StoreBase

    def write(self, *, beside: bool) -> None:
        """Write the files for operations that will run next. Idempotent. Raises OSError.

        beside: operations run beside this service, and access the network as it does.
        """
        write_credentials(self.own, self.storebase.secret_dir(self.name), os.environ if beside else {})


def write_credentials(own: Any, directory: Path, environ: Mapping[str, str]) -> None:
    """Make the directory contain a storage's own section of the settings, and no other files. Idempotent.

    Each file is replaced atomically; one with the right content is not written. environ: of its variables,
    NETWORK_VARIABLES are written, too. Raises OSError.
    """
    wanted = texts(own) | {name: environ[name] for name in NETWORK_VARIABLES if name in environ}
    for name, text in wanted.items():
        content = text.encode("utf-8", "surrogateescape")
        if not _holds(directory / name, content):
            replace_file(directory, name, content, prefix=_TEMPORARY)
    for name in os.listdir(directory):
        if name not in wanted and not name.startswith(_TEMPORARY):  # another process may be about to rename these
            (directory / name).unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600 and file.read() == content
    except OSError:
        return False


def read_credentials(directory: Path, description: StorageDescription[Any], known: StorageSettings) -> StorageSettings:
    """Return ``known`` with the storage's own section read from the directory; set the network variables in os.environ.

    Raises Refused. Its text contains the faults of the files, but not their contents.
    """
    names = [variable.name for variable in variables(description.settings)]
    try:
        found = read_directory(directory, names)
        if not found:
            where = f"on Kubernetes, they are the Secret pfcon-{known.name}"
            raise Refused(f"there are no credentials of {known.name} in {directory}; {where}")
        settings = replace(known, own=_own(description, found, known.create))
        os.environ.update(read_directory(directory, NETWORK_VARIABLES))
    except OSError as fault:
        raise Refused(f"the storage's credentials can't be read: {fault.strerror}") from None
    except ValueError:
        raise Refused(
            "the storage's credentials can't be read: one of its files contains characters that a variable can't have"
        ) from None
    except ConfigurationError as error:
        raise Refused(f"the storage's credentials can't be used: {'; '.join(error.faults)}") from None
    return settings


def _own(description: StorageDescription[Any], found: Mapping[str, str], development: bool) -> Any:
    """Return the storage's own section, parsed and checked as the service does with its environment.

    Raises ConfigurationError, which contains no values: clients see the errors of operations.
    """
    mode = Mode.DEVELOPMENT if development else Mode.PRODUCTION
    known = variables(description.settings)
    hidden = [replace(variable, secret=True) for variable in known]
    texts_found = collect({**found, APPLICATION_MODE.name: mode.value}, (APPLICATION_MODE, *known))
    values, faults = parse(texts_found, (APPLICATION_MODE, *hidden))
    faults += required(description.settings, values, f"STORAGE_ENV={description.name} needs it")
    faults += description.rules(values, mode)
    if faults:
        raise ConfigurationError(faults)
    return build(description.settings, values)
