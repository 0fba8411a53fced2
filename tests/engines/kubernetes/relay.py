"""Passes the Docker API on from one socket to another, and raises a negative OomScoreAdj of new containers to 0.

dockershim asks for -998 on each pod's first process, and -997 on the containers of a Guaranteed pod. Lowering it takes
CAP_SYS_RESOURCE; where even root lacks that, no pod would start.
"""

import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

CHUNK = 65536


def pump(read: Callable[[int], bytes], to: socket.socket) -> None:
    """Pass on until one side ends."""
    try:
        while data := read(CHUNK):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def pass_requests(client: BinaryIO, engine: socket.socket) -> None:
    """Read requests, and pass them on. From one of unknown length on, bytes pass unread."""
    while line := client.readline():
        head = [line]
        while (line := client.readline()) not in (b"\r\n", b"\n", b""):
            head.append(line)
        fields = {key.strip().lower(): value.strip() for key, _, value in (each.partition(b":") for each in head[1:])}
        size = int(fields.get(b"content-length", 0))
        if size and re.match(rb"POST (/v[\d.]+)?/containers/create\b", head[0]):
            body = without_adjustment(client.read(size))
            head = [each for each in head if not each.lower().startswith(b"content-length:")]
            engine.sendall(b"".join(head) + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            continue
        engine.sendall(b"".join(head) + b"\r\n")
        if b"upgrade" in fields or b"transfer-encoding" in fields:
            break
        while size and (data := client.read1(min(size, CHUNK))):  # type: ignore[attr-defined]
            engine.sendall(data)
            size -= len(data)
    pump(client.read1, engine)  # type: ignore[attr-defined]


def without_adjustment(body: bytes) -> bytes:
    """The description of a container that needs no capability."""
    container = json.loads(body)
    host = container.get("HostConfig") or {}
    host["OomScoreAdj"] = max(0, host.get("OomScoreAdj") or 0)
    return json.dumps({**container, "HostConfig": host}).encode()


def serve(client: socket.socket, address: str) -> None:
    """Serve one connection."""
    with client, socket.socket(socket.AF_UNIX) as engine:
        engine.connect(address)
        back = threading.Thread(target=pump, args=(engine.recv, client), daemon=True)
        back.start()
        try:
            pass_requests(client.makefile("rb"), engine)
        except (OSError, ValueError) as fault:
            print("relay:", fault, file=sys.stderr, flush=True)
        back.join()


def main(listen: str, address: str) -> None:
    """Listen for ever."""
    Path(listen).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(listen)
        Path(listen).chmod(0o600)
        server.listen(64)
        while True:
            client = server.accept()[0]
            try:
                threading.Thread(target=serve, args=(client, address), daemon=True).start()
            except RuntimeError:  # the machine has no room for a thread at this moment: a test may use all of it up
                client.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
