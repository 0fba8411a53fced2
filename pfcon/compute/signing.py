"""Signatures by which a service recognizes its jobs on an engine where others can create containers and copy labels.

A request is followed by a signature of the request and of the job's name. The key is in storeBase, so that all services
of one storeBase have it, and recognize their jobs also after their records were lost or SECRET_KEY was changed.

A service's id is derived from the key: it needs no file of its own, all processes of a storeBase have the same id, and
it does not depend on the records. Every job has it, for people to read. It proves nothing, because anyone can copy it:
only the signature does. The key can't be derived from it.

.pfcon/job-signing/key     32 random bytes, created once, readable only by the service's user
"""

import errno
import hashlib
import hmac
import os
import re
import secrets
import shutil
import threading
import uuid

from pfcon.errors import Unreachable
from pfcon.paths import StoreBase

_FOLDER = "job-signing"  # below .pfcon
KEY_NAME = f"{_FOLDER}/key"
_KEY_BYTES = 32
_ID = re.compile(r"[0-9a-f]{12}")  # short enough to read aloud: an engine has few services
_MAC_DIGITS = 40  # hexadecimal: 160 bits. A request with it has 138 characters; the limit of Cromwell's labels is 255


def is_service_id(text: str) -> bool:
    """Return whether a text has the form of a service's id."""
    return _ID.fullmatch(text) is not None


class Signer:
    """Signs requests. Thread-safe, also after a fork. The key is read or created on first use.

    Every method raises Unreachable if storeBase can't be read or written.
    """

    def __init__(self, storebase: StoreBase) -> None:
        self._storebase = storebase
        self._lock = threading.Lock()
        self._key = b""

    def sign(self, name: str, request: str) -> str:
        """Return the request followed by a signature, for the job of that name on its engine."""
        return f"{request}.{self._mac(name, request)}"

    def has_signed(self, name: str, request: str) -> bool:
        """Return whether ``request`` was returned by ``sign`` for a job of that name."""
        bare, _, mac = request.rpartition(".")
        return bool(bare) and hmac.compare_digest(mac.encode(), self._mac(name, bare).encode())

    def service_id(self) -> str:
        """Return the public id of the services of this storeBase: 12 hexadecimal digits."""
        return hmac.new(self._get_key(), b"service", hashlib.sha256).hexdigest()[:12]  # never a job's text: no NUL

    def _mac(self, name: str, request: str) -> str:
        text = f"{name}\0{request}".encode("utf-8", "surrogateescape")
        return hmac.new(self._get_key(), text, hashlib.sha256).hexdigest()[:_MAC_DIGITS]

    def _get_key(self) -> bytes:
        if not self._key:
            with self._lock:
                try:
                    self._key = self._key or self._read() or self._make()
                except OSError as fault:
                    message = f"the key that signs jobs can't be read or created in storeBase: {fault.strerror}"
                    raise Unreachable(message) from fault
        return self._key

    def _read(self) -> bytes:
        try:
            found = (self._storebase.private / KEY_NAME).read_bytes()
        except FileNotFoundError:
            return b""
        if len(found) != _KEY_BYTES:
            raise Unreachable(f"{KEY_NAME} in {self._storebase.private} is damaged: restore it, or remove it")
        return found

    def _make(self) -> bytes:
        """Create the key atomically. If another process is faster, its key is used.

        A directory is renamed: a rename never replaces one that is not empty. Some file systems have no hard links.
        """
        self._storebase.private.mkdir(mode=0o700, exist_ok=True)
        partial = self._storebase.private / f".{_FOLDER}.{uuid.uuid4().hex}"
        partial.mkdir(mode=0o700)
        try:
            file = os.open(partial / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(file, "wb") as writer:
                writer.write(secrets.token_bytes(_KEY_BYTES))
                writer.flush()
                os.fsync(writer.fileno())
            partial.rename(self._storebase.private / _FOLDER)
        except OSError as fault:
            if fault.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        return self._read()
