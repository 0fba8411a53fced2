"""Lives in the staged interface: copy, plugin, upload and delete jobs, as ChRIS posts them."""

import shutil
import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from support.live import JOB_FIELDS

from .lives import SUCCESS, Life
from .schedule import Ending
from .store import UsersStore
from .tally import Verdict

POSTS = 1 + 3  # ChRIS repeats a job that is undefined three times, and gives up its user's data then
OBJECTS = 60  # most inputs in a store: a Swift of one process is slow
FULL = ("is full", "must stay free")  # what is said of a disk without room
LIMITS = {"cpu_limit": 1000, "memory_limit": 200}


class StagedLife(Life):
    """``home``: where its user's data are in the storage. ``outputs``: where its outputs belong."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.home = f"home/u/{self.jid}"
        self.outputs = f"{self.home}/feeds/data"

    @property
    def key(self) -> Path:
        """The job's own directory."""
        return self.site.storebase / f"key-{self.jid}"

    def live(self) -> None:
        """See Life."""
        where = {"input_dirs": [f"{self.home}/in"], "output_dir": self.outputs}
        if self.operation("copy", {**where, **LIMITS}):
            self.compare("inputs", files_below(self.key / "incoming"))
            self.submitted("pluginjobs/", {**JOB_FIELDS, **where, "args": [self.script()]})
            if self.planned.ending is Ending.DELETED:
                time.sleep(self.planned.patience)
            elif (compute := self.ended("pluginjobs")) and self.judge("pluginjobs", compute):
                self._upload(compute)
        self.operation("delete", {})
        for kind in ("copy", "plugin", "upload", "delete"):
            self.deleted(f"{kind}jobs/{self.jid}/")
        self.count_runs()

    def operation(self, kind: str, form: dict[str, Any]) -> bool:
        """A job of pfcon's own; whether it ended well. ``undefined`` asks for another POST, as ChRIS makes it.

        Nothing that strikes here is a failure of its own, which would make ChRIS give up, but for a full disk: a job
        that says so is posted again until there is room.
        """
        undefined = 0
        while True:
            self.submitted(f"{kind}jobs/", form)
            compute = self.ended(f"{kind}jobs")
            if compute is None and kind == "delete" and self.site.was_full:
                self.client.pause("delete: there is no such job")  # ChRIS posts it again, and does not count that
                continue
            if compute is None or compute["status"] == SUCCESS:
                return compute is not None
            said = f"{kind}: {compute['status']}: {compute['message']}"
            undefined += compute["status"] == "undefined"
            was_full = self.site.was_full and any(words in compute["message"] for words in FULL)
            if undefined == POSTS or not (was_full or compute["status"] == "undefined"):
                self.find(Verdict.WRONG, said)
                return False
            self.client.pause(said)

    def _upload(self, before: Mapping[str, str]) -> None:
        """ChRIS asks for the plugin job once more after the upload."""
        if not self.operation("upload", {"job_output_path": self.outputs, **LIMITS}):
            return
        compute = self.ended("pluginjobs")
        if compute is not None and compute["status"] != before["status"]:
            self.find(Verdict.WRONG, f"pluginjobs: it was {before['status']}, and is {compute['status']}")
        self._look_at_outputs()

    def _look_at_outputs(self) -> None:
        delivered = self.delivered()
        self.compare("outputs", delivered)
        answer = self.client.ask("GET", f"pluginjobs/{self.jid}/file/?job_output_path={self.outputs}")
        listed = answer.json().get("rel_file_paths") if answer.status_code == 200 else None
        if listed is None or sorted(listed) != sorted(delivered):
            self.find(Verdict.LOST, f"{len(delivered)} outputs, told as {answer.status_code} {answer.text[:300]}")

    @abstractmethod
    def delivered(self) -> dict[str, bytes]:
        """The outputs as its user finds them."""


class LinkLife(StagedLife):
    """Users' data are below storeBase."""

    def prepare(self) -> None:
        """See Life."""
        for name, data in self.inputs.items():
            path = self.site.storebase / self.home / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def clean(self) -> None:
        """See Life."""
        shutil.rmtree(self.site.storebase / self.home, ignore_errors=True)

    def delivered(self) -> dict[str, bytes]:
        """See StagedLife."""
        return files_below(self.site.storebase / self.outputs)


class ObjectLife(StagedLife):
    """Users' data are in an object store."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.inputs = dict(list(self.inputs.items())[:OBJECTS])

    @property
    def users(self) -> UsersStore:
        """Past all that strikes."""
        assert self.site.users is not None
        return self.site.users

    def prepare(self) -> None:
        """See Life."""
        self.users.add({f"{self.home}/in/{name}": data for name, data in self.inputs.items()})

    def clean(self) -> None:
        """See Life."""
        self.users.remove(f"{self.home}/")

    def delivered(self) -> dict[str, bytes]:
        """See StagedLife. Every file that the job has left, and nothing else, has to have arrived."""
        arrived = self.users.read(f"{self.outputs}/")
        left = files_below(self.key / "outgoing")
        if wrong := arrived.items() ^ left.items():
            self.find(Verdict.LOST, f"{len(wrong)} objects differ, of {len(left)} outputs and {len(arrived)} objects")
        return arrived


def files_below(root: Path) -> dict[str, bytes]:
    """A tree's files by their paths; none where there is no tree."""
    found: Iterable[Path] = root.rglob("*")
    return {str(path.relative_to(root)): path.read_bytes() for path in found if path.is_file()}
