"""A complete OpenStack Swift in one process, for development and tests: never for data that matter.

Proxy, account, container and object server with one copy of everything, TempAuth, and S3 on the same port (s3api): the
bucket B is the container B, the access key is ACCOUNT:USER. Needs ``swift==2.38.3`` (no other version: it
reaches into Swift's modules) in an environment of its own, any user, and a file system with user xattrs: ext4, xfs,
btrfs, or tmpfs from Linux 6.6 on.

    swift_server.py ROOT [--port PORT] [--user ACCOUNT:USER=KEY]...

Once it answers it prints one line of JSON: ``pid``, ``auth_url`` (Swift, auth version 1) and ``s3_url``. SIGTERM ends
it. Started again on the same ROOT it has all objects of before; tokens are forgotten.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore", message="(?s).*Eventlet is deprecated")
import eventlet  # noqa: E402 - warns when imported: see above
import eventlet.wsgi  # noqa: E402 - as above
from swift.common import utils  # noqa: E402 - imports eventlet

utils.monkey_patch()
from swift.common import storage_policy, wsgi  # noqa: E402 - after the patch
from swift.common.ring import RingBuilder  # noqa: E402 - after the patch

HOST = "127.0.0.1"
BACKENDS = ("object", "container", "account")
SERVERS = (*BACKENDS, "proxy")
PIPELINE = (
    *("catch_errors", "gatekeeper", "healthcheck", "cache", "bulk", "tempurl", "s3api", "tempauth", "copy"),
    *("slo", "dlo", "versioned_writes", "symlink"),
)
DEFAULT_USERS = {"chris:chris1234": "testing"}
CHUNK = 1 << 20  # Swift's own 64 KiB make large objects half as quick
IDLE_SECONDS = 60


class DictCache:
    """What the proxy uses of ``swift.common.memcached.MemcacheRing``, for one process. Times are in seconds."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[Any, float]] = {}

    def get(self, key: str, raise_on_error: bool = False) -> Any:  # noqa: ARG002 - memory does not fail
        """The value; None when there is none or its time is over."""
        value, until = self._items.get(key, (None, 0.0))
        if until and until < time.time():
            del self._items[key]
            return None
        return value

    def set(self, key: str, value: Any, **options: Any) -> None:
        """Keep a value, as JSON would give it back, for ``time`` seconds (0: for ever)."""
        seconds = options.get("time", 0)
        self._items[key] = (json.loads(json.dumps(value)), time.time() + seconds if seconds else 0.0)

    def delete(self, key: str, server_key: str | None = None) -> None:  # noqa: ARG002 - there is one server
        """Forget a value; none is none."""
        self._items.pop(key, None)

    def incr(self, key: str, delta: int = 1, **options: Any) -> int:
        """Count, not below zero."""
        count = max(0, int(self.get(key) or 0) + int(delta))
        self.set(key, count, **options)
        return count

    def decr(self, key: str, delta: int = 1, **options: Any) -> int:
        """Count down, not below zero."""
        return self.incr(key, -delta, **options)

    def get_multi(self, keys: list[str], server_key: str) -> list[Any]:  # noqa: ARG002 - there is one server
        """Values in the order of their keys."""
        return [self.get(key) for key in keys]

    def set_multi(self, values: dict[str, Any], server_key: str, **options: Any) -> None:  # noqa: ARG002 - as above
        """Keep several values."""
        for key, value in values.items():
            self.set(key, value, **options)


def cache_factory(global_conf: dict[str, str], **local_conf: str) -> Callable[[Any], Any]:  # noqa: ARG001 - Paste's form
    """The filter ``cache`` of the pipeline, in place of Swift's own that wants memcached."""
    cache = DictCache()

    def add_cache(app: Any) -> Any:
        def call(environ: dict[str, Any], start_response: Any) -> Any:
            environ["swift.cache"] = cache
            return app(environ, start_response)

        return call

    return add_cache


def configure(root: Path, ports: dict[str, int], users: dict[str, str]) -> Path:
    """Write rings and configuration below ``root``; the directory that holds them."""
    etc = root / "etc"
    for directory in (etc, root / "srv" / "d1"):
        directory.mkdir(parents=True, exist_ok=True)
    (etc / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_prefix = pfcon\nswift_hash_path_suffix = pfcon\n"
        "[storage-policy:0]\nname = Policy-0\ndefault = yes\n"
    )
    proxy = etc / "proxy.conf"
    proxy.touch(0o600)  # it holds the keys
    proxy.write_text(proxy_conf(etc, ports["proxy"], users))
    for kind in BACKENDS:
        (etc / f"{kind}.conf").write_text(backend_conf(root, etc, kind, ports[kind]))
        make_ring(etc / f"{kind}.ring.gz", ports[kind])
    return etc


def proxy_conf(etc: Path, port: int, users: dict[str, str]) -> str:
    """The proxy's configuration (proxy-server.conf-sample of Swift). Every user is an administrator of its account."""
    special = {
        "cache": "paste.filter_factory = swift_server:cache_factory\n",
        "tempauth": "use = egg:swift#tempauth\ntoken_life = 86400\n"
        + "".join(f"user_{name.replace(':', '_')} = {key} .admin\n" for name, key in users.items()),
        "s3api": "use = egg:swift#s3api\nlocation = us-east-1\n",
        "versioned_writes": "use = egg:swift#versioned_writes\nallow_object_versioning = true\n",
    }
    filters = "\n".join(f"[filter:{name}]\n" + special.get(name, f"use = egg:swift#{name}\n") for name in PIPELINE)
    return (
        f"{default_conf(etc, port)}\n[pipeline:main]\npipeline = {' '.join(PIPELINE)} proxy-server\n\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n"
        # Not the half second of the default: a server's fsync keeps all four, one process, from doing anything else.
        f"conn_timeout = 60\nnode_timeout = 120\nobject_chunk_size = {CHUNK}\nclient_chunk_size = {CHUNK}\n\n{filters}"
    )


def backend_conf(root: Path, etc: Path, kind: str, port: int) -> str:
    """The configuration of one of the servers behind the proxy (object-server.conf-sample of Swift)."""
    # After a second without an answer the default leaves listings to a daemon that does not run here.
    more = f"container_update_timeout = 120\nnetwork_chunk_size = {CHUNK}\ndisk_chunk_size = {CHUNK}\n"
    return (
        f"{default_conf(etc, port)}devices = {root / 'srv'}\nmount_check = false\n"
        # A nearly full disk still serves tests.
        "disable_fallocate = true\nfallocate_reserve = 0\n\n"
        f"[pipeline:main]\npipeline = {kind}-server\n\n[app:{kind}-server]\nuse = egg:swift#{kind}\n"
        f"conn_timeout = 60\nnode_timeout = 120\n{more if kind == 'object' else ''}"
    )


def default_conf(etc: Path, port: int) -> str:
    """What all four servers have. The user has to exist, though nothing changes to it."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    return (
        f"[DEFAULT]\nswift_dir = {etc}\nuser = {user}\nbind_ip = {HOST}\nbind_port = {port}\n"
        "workers = 0\nlog_level = WARNING\n"
    )


def make_ring(path: Path, port: int) -> None:
    """A ring of one device."""
    ring = RingBuilder(part_power=2, replicas=1, min_part_hours=0)
    where = {"ip": HOST, "port": port, "replication_ip": HOST, "replication_port": port}
    ring.add_dev({"id": 0, "region": 1, "zone": 1, "weight": 1.0, "device": "d1", "meta": "", **where})
    ring.rebalance(seed=1)
    ring.get_ring().save(str(path))


def listen(port: int) -> socket.socket:
    """A listening socket; connections wait in it until its server is up."""
    found: socket.socket = eventlet.listen((HOST, port), backlog=1024)
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited: without it some listings take 40 ms more
    return found


def serve(root: Path, port: int, users: dict[str, str]) -> dict[str, Any]:
    """Start all servers; what to print."""
    sockets = {kind: listen(port if kind == "proxy" else 0) for kind in SERVERS}
    ports = {kind: found.getsockname()[1] for kind, found in sockets.items()}
    etc = configure(root, ports, users)
    sys.modules.setdefault("swift_server", sys.modules[__name__])  # where Paste looks for cache_factory
    utils.set_swift_dir(str(etc))
    storage_policy.reload_storage_policies()
    utils.FALLOCATE_RESERVE = 0
    for kind, found in sockets.items():
        # swift.common.wsgi.run_server takes a process for each: it sets the hub up again, which hangs the others.
        app = wsgi.loadapp(str(etc / f"{kind}.conf"), global_conf={"log_name": kind})
        options = {"protocol": wsgi.SwiftHttpProtocol, "socket_timeout": IDLE_SECONDS}
        eventlet.spawn(
            eventlet.wsgi.server, found, app, utils.NullLogger(), capitalize_response_headers=False, **options
        )
    url = f"http://{HOST}:{ports['proxy']}"
    return {"pid": os.getpid(), "auth_url": f"{url}/auth/v1.0", "s3_url": url}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="OpenStack Swift in one process, on loopback, for tests.")
    parser.add_argument("root", type=Path, help="directory of the data and the configuration")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--user", action="append", default=[], metavar="ACCOUNT:USER=KEY")
    parser.add_argument("--with-parent", action="store_true", help="end when the parent does")
    arguments = parser.parse_args()
    users = dict(user.split("=", 1) for user in arguments.user) or DEFAULT_USERS
    parent = os.getppid()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    print(json.dumps(serve(arguments.root.resolve(), arguments.port, users)), flush=True)
    while not arguments.with_parent or os.getppid() == parent:
        eventlet.sleep(0.5)


if __name__ == "__main__":
    main()
