"""A job's inputs in a real object store, seen through a relay, for tests of fetching."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pfcon.paths import JobDir
from pfcon.storage.base import Staged
from pfcon.storage.objects import concurrency
from pfcon.storage.objects.download import ranges, tasks, worker
from pfcon.storage.objects.download.fetch import fetch
from support.http_relay import HttpRelay, Request
from support.object_stores import ObjectHarness, ObjectServer

MIB = 1 << 20
LARGE, RANGE = 5 * MIB, 2 * MIB
"""Bytes from which objects come in ranges here, and of these."""
BIG = os.urandom(9 * MIB)
SMALL = {f"in/d{n % 3}/{n:02}": BIG[n : n + 20_000 + n] for n in range(24)}
ALL = {**SMALL, "in/big": BIG}
FEW = {"in/d0/00": BIG[:20_000], "in/d1/01": b"x", "in/big": BIG}


@dataclass
class ObjectInputs:
    """An empty container of ``server``, whose clients go through ``relay``, and a job without inputs."""

    objects: ObjectHarness
    relay: HttpRelay
    server: ObjectServer
    job: JobDir

    def fill(self, files: dict[str, bytes] = ALL) -> None:
        """Store objects; large ones of S3 in two parts."""
        for name, data in files.items():
            if len(data) > LARGE and self.objects.kind == "s3":
                self.objects.put_large(name, [data[:5_300_000], data[5_300_000:]])
            else:
                self.objects.put(name, data)

    def stage(self) -> Staged:
        """Fetch what is below ``in``."""
        return fetch(self.objects.store, ("in",), "out", self.job, 0, lambda text: None)

    def tree(self) -> dict[str, bytes]:
        """The staged inputs, by the names of their objects."""
        return files_of(self.job.incoming)

    def left(self) -> list[bytes]:
        """What a failed try has left for the next one."""
        assert not self.job.incoming.exists()
        return [data for path in self.job.path.iterdir() for data in files_of(path).values()]

    def gets(self) -> int:
        """Requests for objects below ``in``, since the relay was cleared."""
        return self.relay.count("GET", f"/{self.objects.container}/in/")

    def once(self, name: str, act: Callable[[], object], number: int = 1) -> None:
        """Act when an object's GET of that number comes, before it is passed on."""
        numbers = itertools.count(1)

        def look(request: Request) -> None:
            is_it = request.method == "GET" and request.path.partition("?")[0].endswith(f"/{name}")
            if is_it and next(numbers) == number:
                act()

        self.relay.on_request = look


def files_of(root: Path) -> dict[str, bytes]:
    """A tree's files, as if the tree was called ``in``."""
    return {f"in/{path.relative_to(root)}": path.read_bytes() for path in root.rglob("*") if path.is_file()}


@contextmanager
def object_inputs(kind: str, server: ObjectServer, job: JobDir) -> Iterator[ObjectInputs]:
    """Inputs in swift or s3."""
    with HttpRelay(server.port) as relay, pytest.MonkeyPatch.context() as patch:
        for module in (worker, tasks):
            patch.setattr(module, "LARGE", LARGE)
        patch.setattr(ranges, "RANGE", RANGE)
        patch.setattr(concurrency, "PAUSE", 0.0)  # as many at once as there are threads
        path = "/auth/v1.0" if kind == "swift" else ""
        objects = ObjectHarness(kind, f"http://127.0.0.1:{relay.port}{path}")
        objects.store.create_container()
        try:
            yield ObjectInputs(objects, relay, server, job)
        finally:
            objects.close()
