"""Counts the HTTP requests in the bytes that a client sends, as they come in pieces. Pure."""

import re
from collections.abc import Callable

# Ids of Docker and Podman, and those of Swarm; names of jobs; what follows the pods of Kubernetes.
_IDS = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-z]{25})\b|\bpfcon-bench-[^/?]+")
_VERSION = re.compile(r"^/v\d+\.\d+/")


class RequestParser:
    """Of one connection that is kept. found: called with each request's first line when its head is complete."""

    def __init__(self, found: Callable[[str], None]) -> None:
        self._found = found
        self._buffer = b""
        self._left = 0  # bytes of a body, or of one of its chunks
        self._chunked = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises ValueError for what is not HTTP/1.1."""
        self._buffer += data
        while self._buffer and self._step():
            pass

    def _step(self) -> bool:
        """Take a head, the line before a chunk, or bytes of a body; False if more bytes are needed for that."""
        if self._left:
            taken = min(self._left, len(self._buffer))
            self._buffer = self._buffer[taken:]
            self._left -= taken
            return True
        part, end, rest = self._buffer.partition(b"\r\n" if self._chunked else b"\r\n\r\n")
        if not end:
            return False
        self._buffer = rest
        if self._chunked:
            size = int(part.split(b";")[0], 16)
            self._left, self._chunked = size + 2, size > 0  # each chunk ends with a line break, also the last one
            return True
        first, *lines = part.decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self._chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        self._left = 0 if self._chunked else int(headers.get("content-length", 0))
        self._found(first)
        return True


def kind_of(first_line: str) -> str:
    """A request without its version, query and ids, by which requests are counted."""
    method, target = first_line.split(" ")[:2]
    path, _, query = target.partition("?")
    watches = " (watch)" if "watch=" in query else ""
    return f"{method} {_IDS.sub('*', _VERSION.sub('/', path))}{watches}"
