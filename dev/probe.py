"""Looks at this machine's TCP ports and at the service, for the scripts; standard library alone.

``probe.py hold [PORT]``: reserves PORT, or a free one that the kernel assigns to nobody by itself, and prints it. Until
its parent ends, nobody else who looks for a free port gets that one; a server that sets SO_REUSEADDR can listen there.
Exit status 1 when PORT is taken; then it prints by whom, as far as can be seen.
``probe.py health URL``: exit status 0 when pfcon answers there.
``probe.py answers URL``: exit status 0 when a GET of that gives 200.
``probe.py attributes DIR``: exit status 0 when files there may have extended attributes.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import sys
import tempfile
import time
from urllib.parse import urlsplit

LISTEN = "0A"  # proc_pid_net(5), tcp_states.h
HEALTH_SECONDS = 5.0
QUIET_PORTS = range(10000, 16000)  # below what ip(7), ip_local_port_range, gives to whoever connects: 32768 and above


def hold(port: int, *, alone: bool) -> socket.socket | None:
    """Reserve 127.0.0.1:port until the socket is closed; None when somebody has it, or with ``alone`` also when held.

    The socket is bound, but does not listen: a server that sets SO_REUSEADDR may (socket(7)). A bind without that fails
    for each port that is bound already, which keeps two that look for a free one apart.
    """
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(not alone))
    try:
        holder.bind(("127.0.0.1", port))
    except OSError:
        holder.close()
        return None
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return holder


def hold_free_port() -> socket.socket:
    """Reserve a port that nobody has or holds, out of the range that the kernel assigns to connections."""
    for port in random.sample(QUIET_PORTS, len(QUIET_PORTS)):
        if holder := hold(port, alone=True):
            return holder
    raise SystemExit(f"all ports from {QUIET_PORTS[0]} to {QUIET_PORTS[-1]} are taken")


def hold_for_parent(port: int | None) -> int:
    """Hold a port, print it, and wait for the parent's end; exit status 1 when the port is taken."""
    parent = os.getppid()
    holder = hold_free_port() if port is None else hold(port, alone=False)
    if holder is None:
        print(owner(port or 0))
        return 1
    with holder:
        print(holder.getsockname()[1], flush=True)
        # Elsewhere a server can't listen where another socket is bound, whatever that one's options are.
        while sys.platform == "linux" and os.getppid() == parent:
            time.sleep(0.5)
    return 0


def owner(port: int) -> str:
    """``pid N (command)`` of the process that listens; a general word when it is another user's."""
    if not os.path.isdir("/proc/self"):
        return "another process"
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(os.readlink(f"/proc/{pid}/fd/{fd}") in sockets for fd in os.listdir(f"/proc/{pid}/fd")):
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read(200).replace(b"\0", b" ").decode("utf-8", "replace").strip()
                return f"pid {pid} ({command})"
        except OSError:
            continue  # it ended, or is not ours to look at
    return "a process of another user"


def _inodes(port: int) -> set[str]:
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            with open(f"/proc/net/{name}") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        found |= {row[9] for row in rows if row[3] == LISTEN and int(row[1].rpartition(":")[2], 16) == port}
    return found


def get(url: str) -> bytes | None:
    """The first bytes of what an HTTP server gives for a URL; None where it does not answer with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=HEALTH_SECONDS)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        told = answer.read(1000)
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return told if answer.status == http.client.OK else None


def healthy(url: str) -> bool:
    """Whether the service below ``url`` (``http://HOST:PORT/api/v1/``) says that it is well."""
    try:
        told = json.loads(get(url.rstrip("/") + "/health/") or b"")
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("health") == "OK"


def takes_attributes(directory: str) -> bool:
    """Whether the directory's file system has extended attributes of users (xattr(7))."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        try:
            os.setxattr(file.name, "user.pfcon", b"x" * 1000)
        except OSError:
            return False
    return True


def main(words: list[str]) -> int:
    """The command line."""
    questions = {"health": healthy, "answers": lambda url: get(url) is not None, "attributes": takes_attributes}
    if len(words) == 2 and words[0] in questions:
        return 0 if questions[words[0]](words[1]) else 1
    if words[:1] == ["hold"] and len(words) <= 2:
        return hold_for_parent(int(words[1]) if len(words) == 2 else None)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
