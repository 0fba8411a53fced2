"""Where ChRIS keeps users' files: a directory, a Swift container or an S3 bucket.

The two object stores are reached as pfcon reaches them, by its own variables (SWIFT_AUTH_URL and so on) and with the
clients that its environment has.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from client import REQUEST_SECONDS, SampleError


class UsersFiles(ABC):
    """Files by name, relative to the root of the storage. All methods may raise OSError, and ``faults``."""

    faults: tuple[type[Exception], ...] = ()  # of the storage's client, beside OSError

    @abstractmethod
    def upload(self, source: Path, name: str) -> None:
        """Put the files below the directory ``source`` below ``name``."""

    @abstractmethod
    def sizes(self, name: str) -> dict[str, int]:
        """Sizes in bytes of the files below ``name``, by their names relative to it."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove what is below ``name``; nothing there is no fault."""

    def make(self) -> None:  # noqa: B027 - storeBase is there
        """Make the root of the storage, where it is missing."""

    def make_directory(self, name: str) -> None:  # noqa: B027 - object stores have none
        """Make a directory, where the storage has such things."""


class Directory(UsersFiles):
    """pfcon's storeBase."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def upload(self, source: Path, name: str) -> None:
        """See UsersFiles."""
        shutil.copytree(source, self._root / name)

    def make_directory(self, name: str) -> None:
        """See UsersFiles."""
        (self._root / name).mkdir(parents=True)

    def sizes(self, name: str) -> dict[str, int]:
        """See UsersFiles."""
        return dict(_sizes(self._root / name))

    def remove(self, name: str) -> None:
        """See UsersFiles. Removes the directories above it too, as far as they are empty."""
        shutil.rmtree(self._root / name, ignore_errors=True)
        for parent in list(Path(name).parents)[:-1]:
            with contextlib.suppress(OSError):  # another job's files are there, or another user's
                (self._root / parent).rmdir()


class SwiftContainer(UsersFiles):
    """A container of Swift."""

    def __init__(self) -> None:
        import swiftclient

        self.faults = (swiftclient.ClientException,)
        self._container = _setting("SWIFT_CONTAINER_NAME")
        url, user, key = _setting("SWIFT_AUTH_URL"), _setting("SWIFT_USERNAME"), _setting("SWIFT_KEY")
        self._swift = swiftclient.Connection(url, user, key, retries=1, timeout=REQUEST_SECONDS)

    def make(self) -> None:
        """See UsersFiles."""
        self._swift.put_container(self._container)  # it may be there

    def upload(self, source: Path, name: str) -> None:
        """See UsersFiles."""
        for path, _ in _sizes(source):
            with (source / path).open("rb") as file:
                self._swift.put_object(self._container, f"{name}/{path}", file)

    def sizes(self, name: str) -> dict[str, int]:
        """See UsersFiles."""
        _, listed = self._swift.get_container(self._container, prefix=f"{name}/", full_listing=True)
        return {item["name"].removeprefix(f"{name}/"): item["bytes"] for item in listed}

    def remove(self, name: str) -> None:
        """See UsersFiles."""
        for path in self.sizes(name):
            self._swift.delete_object(self._container, f"{name}/{path}")


class Bucket(UsersFiles):
    """A bucket of S3."""

    def __init__(self) -> None:
        import boto3
        from botocore import config, exceptions

        self.faults = (exceptions.BotoCoreError, exceptions.ClientError, boto3.exceptions.Boto3Error)
        store: Any = boto3.resource(
            "s3",
            endpoint_url=_setting("S3_ENDPOINT_URL"),
            aws_access_key_id=_setting("S3_ACCESS_KEY"),
            aws_secret_access_key=_setting("S3_SECRET_KEY"),
            region_name=_setting("S3_REGION_NAME"),
            config=config.Config(s3={"addressing_style": "path"}, read_timeout=REQUEST_SECONDS),
        )
        self._bucket = store.Bucket(_setting("S3_BUCKET_NAME"))

    def make(self) -> None:
        """See UsersFiles."""
        if self._bucket.creation_date is None:
            self._bucket.create()

    def upload(self, source: Path, name: str) -> None:
        """See UsersFiles."""
        for path, _ in _sizes(source):
            self._bucket.upload_file(str(source / path), f"{name}/{path}")

    def sizes(self, name: str) -> dict[str, int]:
        """See UsersFiles."""
        return {item.key.removeprefix(f"{name}/"): item.size for item in self._bucket.objects.filter(Prefix=f"{name}/")}

    def remove(self, name: str) -> None:
        """See UsersFiles."""
        for path in self.sizes(name):
            self._bucket.Object(f"{name}/{path}").delete()


STORES = {"swift": SwiftContainer, "s3": Bucket}


@contextlib.contextmanager
def users_files(storage: str, storebase: Path) -> Iterator[UsersFiles]:
    """The users' files of a storage: in ``storebase``, but for STORES. Its client's faults become SampleError."""
    files = STORES[storage]() if storage in STORES else Directory(storebase)
    try:
        files.make()
        yield files
    except files.faults as fault:
        raise SampleError(f"{storage}: {fault}") from fault


def _setting(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise SampleError(f"{name} is not set: where is the store?")
    return value


def _sizes(directory: Path) -> Iterator[tuple[str, int]]:
    """Name relative to the directory, and size in bytes, of each file below it."""
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            yield path.relative_to(directory).as_posix(), path.stat().st_size
