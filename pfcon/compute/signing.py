"""How a service knows its own jobs on an engine where others can make containers, and copy labels, too.

A request carries a signature of itself and of the job's name. The key lies in storeBase, so that all services of one
storeBase have it, and so that their jobs are known again when their records are lost or SECRET_KEY has changed.

A service's id is derived from the key: it needs no file of its own, all processes of a storeBase have the same, and it
stays when the records are lost. Every job carries it where a person can read it. It decides nothing: anybody can write
it, and only the signature tells whose a job is. Nothing of the key can be learned from it.

.pfcon/job-signing/key     32 random bytes, made once, readable by the service's user alone
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
_ID = re.compile(r"[0-9a-f]{12}")  # short enough to read out: services on one engine are few
_MAC_DIGITS = 40  # hexadecimal: 160 bits. With it a request has 138 characters; Cromwell's labels take 255


def is_service_id(text: str) -> bool:
    """Whether a text may be the id of a service."""
    return _ID.fullmatch(text) is not None


class Signer:
    """Signs requests. One object serves all threads, also after a fork; the key is read, or made, on first use.

    Every method raises Unreachable while storeBase can't be read or written.
    """

    def __init__(self, storebase: StoreBase) -> None:
        self._storebase = storebase
        self._lock = threading.Lock()
        self._key = b""

    def sign(self, name: str, request: str) -> str:
        """The request with a signature behind it, for the job of that name on its engine."""
        return f"{request}.{self._mac(name, request)}"

    def has_signed(self, name: str, request: str) -> bool:
        """Whether ``request`` is what ``sign`` made for a job of that name."""
        bare, _, mac = request.rpartition(".")
        return bool(bare) and hmac.compare_digest(mac.encode(), self._mac(name, bare).encode())

    def service_id(self) -> str:
        """The public id of the service that has this storeBase: 12 hexadecimal digits."""
        return hmac.new(self._get_key(), b"service", hashlib.sha256).hexdigest()[:12]  # no job's text: it has no NUL

    def _mac(self, name: str, request: str) -> str:
        text = f"{name}\0{request}".encode("utf-8", "surrogateescape")
        return hmac.new(self._get_key(), text, hashlib.sha256).hexdigest()[:_MAC_DIGITS]

    def _get_key(self) -> bytes:
        if not self._key:
            with self._lock:
                try:
                    self._key = self._key or self._read() or self._make()
                except OSError as fault:
                    raise Unreachable(f"storeBase does not give the key that marks jobs: {fault.strerror}") from fault
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
        """Make the key. It appears whole, and only once: whoever is late takes the other's.

        No directory can take the place of one that holds something; not every file system has hard links.
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
