"""The storage contract, on the shelf."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from pfcon.paths import JobDir, StoreBase
from pfcon.storage.base import ListedOutputs, StagingPlan
from pfcon.testing.storage import REQUEST, StorageHarness
from pfcon.testing.storage.contract import *  # noqa: F403 - its checks
from pfcon_shelf.storage import FILES, KEY_FILE, ShelfStorage


class ShelfHarness(StorageHarness):
    """A shelf of its own; a new directory of it for the inputs of each plan."""

    def __init__(self, storebase: StoreBase, root: Path) -> None:
        super().__init__(storebase)
        self.root, self.files, self.count = root, root / FILES, 0

    def make(self) -> None:
        self.files.mkdir(parents=True)
        (self.root / KEY_FILE).write_text("opens")
        self.storage = ShelfStorage(self.root, "opens", 0)

    def plan(self, files: Mapping[str, bytes], linked: Mapping[str, bytes] | None = None) -> StagingPlan:
        self.count += 1
        inputs = PurePosixPath("home/bob", f"in_{self.count}")
        self.request = replace(REQUEST, input_dirs=(inputs,), output_dir=PurePosixPath("home/out/data"))
        (self.files / inputs).mkdir(parents=True)
        for path, content in {**{str(inputs / name): data for name, data in files.items()}, **(linked or {})}.items():
            place = self.files / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        return self.storage.plan(self.request, None)

    def outputs(self, job: JobDir) -> Mapping[str, bytes]:
        found = self.storage.outputs(job, "home/out/data")
        assert isinstance(found, ListedOutputs)
        self.storage.deliver(job, "home/out/data", lambda text: None)
        return {path: (self.files / "home/out/data" / path).read_bytes() for path in found.paths}

    def destroy(self) -> None:
        """All of it is in the directory of the test."""


@pytest.fixture
def harness(storebase: StoreBase, tmp_path: Path) -> Iterator[StorageHarness]:
    made = ShelfHarness(storebase, tmp_path / "shelf")
    made.make()
    yield made
    made.destroy()
