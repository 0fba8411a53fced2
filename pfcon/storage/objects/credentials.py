"""What operations of an object store have to know and no record may hold: one file below storeBase's private directory.

It is readable by the service's user alone, who runs the operations too. Elsewhere an engine may put the same file in
place from a secret of its own.
"""

import contextlib
import dataclasses
import json
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pfcon.errors import Refused
from pfcon.settings.model import S3Settings, StorageName, StorageSettings, SwiftAuth, SwiftSettings, UploadLimits

FILE = "store.json"
NETWORK_VARIABLES = (
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"),
)
"""What the clients of stores read of their environment. A proxy's URL may hold a password."""


def write_credentials(settings: StorageSettings, directory: Path, environ: Mapping[str, str]) -> None:
    """Make the file hold these settings, at once or not at all; it stays untouched where it does already.

    environ: of its variables, operations get those above. Raises OSError.
    """
    kept = {name: environ[name] for name in NETWORK_VARIABLES if name in environ}
    fields = {
        "storage": settings.name.value,
        "create": settings.create,
        "swift": settings.swift and dataclasses.asdict(settings.swift),
        "s3": settings.s3 and dataclasses.asdict(settings.s3),
        "environ": kept,
    }
    content = json.dumps(fields, sort_keys=True)
    path = directory / FILE
    if _holds(path, content):
        return
    descriptor, temporary = tempfile.mkstemp(dir=directory)  # 0600: tempfile's documentation
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _holds(path: Path, content: str) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600 and file.read() == content
    except (OSError, ValueError):
        return False


def _swift(auth_version: str, **fields: Any) -> SwiftSettings:
    return SwiftSettings(auth_version=SwiftAuth(auth_version), **fields)


def read_credentials(directory: Path, limits: UploadLimits) -> StorageSettings:
    """The settings of the file, with these limits; its environment becomes this process's.

    Raises Refused, whose text says no more of the content than its faults.
    """
    try:
        raw = json.loads((directory / FILE).read_text(encoding="utf-8"))
        settings = StorageSettings(
            name=StorageName(raw["storage"]),
            innetwork=True,
            storebase_mount=Path(),
            limits=limits,
            swift=_swift(**raw["swift"]) if raw["swift"] else None,
            s3=S3Settings(**raw["s3"]) if raw["s3"] else None,
            create=raw["create"],
        )
        os.environ.update(raw["environ"])
    except OSError as fault:
        raise Refused(f"the storage's credentials can't be read: {fault.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Refused("the storage's credentials can't be read: they are not those of this version of pfcon") from None
    return settings
