"""A Swift of a section's own, which speaks S3 too, and the programs that fetch from it and upload to it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

from support.object_stores import SWIFT_KEY, SWIFT_USER, ObjectServer

from benchmarks.faults import NotHere
from benchmarks.plain import PlainTree
from benchmarks.session import Session
from benchmarks.staged import MIN_FREE, Ran, operate
from pfcon.archive.limits import UploadLimits
from pfcon.models import JobId
from pfcon.paths import StoreBase
from pfcon.storage.credentials import write_credentials
from pfcon.storage.object_store import ObjectStorage
from pfcon.storage.objects.s3.description import S3Settings
from pfcon.storage.objects.store import ObjectStore, Source
from pfcon.storage.objects.swift.description import SwiftSettings
from pfcon.storage.settings import StorageSettings
from pfcon.storage.storages import make_storage

CONTAINER, REGION = "users", "us-east-1"
KINDS = ("swift", "s3")
SERVER, AWS = "swift==2.38.3", "awscli"
_LIMITS = UploadLimits(0, 0, 0, 0, MIN_FREE, 0)
_AT_ONCE = 8  # objects that are planted


@dataclass
class Stores:
    """A running server with a container, and a storeBase for jobs."""

    storebase: Path
    swift_url: str
    s3_url: str
    aws: Path
    jobs: int = 0

    def settings(self, kind: str) -> StorageSettings:
        """The container as swift or s3."""
        swift = SwiftSettings(self.swift_url, SWIFT_USER, SWIFT_KEY, CONTAINER)
        s3 = S3Settings(self.s3_url, SWIFT_USER, SWIFT_KEY, REGION, CONTAINER)
        return StorageSettings(
            name=kind,
            innetwork=True,
            storebase_mount=self.storebase,
            limits=_LIMITS,
            own=swift if kind == "swift" else s3,
        )

    def store(self, kind: str) -> ObjectStore:
        """The container by itself."""
        storage = make_storage(self.settings(kind), StoreBase(self.storebase))
        assert isinstance(storage, ObjectStorage)
        return storage.store()

    def plant(self, tree: PlainTree, directory: Path) -> None:
        """Store a tree of plain files, each as one object below the tree's name."""
        store = self.store("swift")
        paths = sorted(path for path in directory.rglob("*") if path.is_file())
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda path: _put(store, f"{tree.name}/{path.relative_to(directory)}", path), paths))

    def order(self, kind: str, name: str) -> Path:
        """A job's directory in which pfcon has left the order to fetch what is below a name."""
        self.jobs += 1
        job = StoreBase(self.storebase).job(JobId(f"bench-{self.jobs}")).path
        job.mkdir(mode=0o711)
        where = {"storage": kind, "create": False}
        order = {**where, "input_dirs": [name], "output_dir": "out", "min_free_bytes": MIN_FREE}
        (job / "copy.order").write_text(json.dumps(order), encoding="utf-8")
        return job

    def operate(self, operation: str, kind: str, job: Path) -> Ran:
        """Run a copy or upload job as the engine does."""
        secret = StoreBase(self.storebase).secret_dir(kind)
        write_credentials(self.settings(kind), secret, {})
        return operate(operation, job, "--secret", str(secret))

    def swift_command(self) -> list[str]:
        """The start of a command of python-swiftclient's."""
        return [str(Path(sys.executable).with_name("swift")), "-A", self.swift_url, "-U", SWIFT_USER, "-K", SWIFT_KEY]

    def aws_command(self) -> list[str]:
        """The start of a command of awscli's."""
        environ = [
            f"AWS_ACCESS_KEY_ID={SWIFT_USER}",
            f"AWS_SECRET_ACCESS_KEY={SWIFT_KEY}",
            f"AWS_DEFAULT_REGION={REGION}",
            "AWS_EC2_METADATA_DISABLED=true",
        ]
        return ["env", *environ, str(self.aws), "--endpoint-url", self.s3_url, "s3"]


@contextmanager
def object_stores(session: Session) -> Iterator[Stores]:
    """A server on the file system that is measured, empty. Raises NotHere where its packages can't be had."""
    python = _environment(session, SERVER) / "python"
    aws = _environment(session, AWS) / "aws"
    with session.fresh("objects", keep=True) as directory:
        (directory / "server").mkdir()
        (directory / "storeBase").mkdir()
        server = ObjectServer(directory / "server", python=str(python))
        server.start()
        try:
            stores = Stores(directory / "storeBase", server.auth_url, server.s3_url, aws)
            stores.store("swift").create_container()
            yield stores
        finally:
            server.kill()


def _environment(session: Session, requirement: str) -> Path:
    """Where the programs of a package are, in an environment of its own that is kept for the next run."""
    directory = session.work / "tools" / requirement
    if not (directory / "complete").exists():
        session.say(f"installing {requirement}")
        for argv in (
            [sys.executable, "-m", "venv", "--clear", str(directory)],
            [str(directory / "bin/python"), "-m", "pip", "install", "--quiet", "--no-input", requirement],
        ):
            done = subprocess.run(argv, check=False, capture_output=True, text=True)
            if done.returncode:
                raise NotHere(f"{requirement} can't be installed: {done.stderr.strip().splitlines()[-1:]}")
        (directory / "complete").touch()
    return directory / "bin"


def _put(store: ObjectStore, name: str, path: Path) -> None:
    digest = md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        store.put(name, Source(file, 0, path.stat().st_size), digest.hexdigest())
