"""Whole lives of jobs, as a client sees them, and what must be true of each."""

import io
import time
import uuid
import zipfile
from dataclasses import dataclass
from typing import Any

import requests
from support.live import JOB_FIELDS, make_zip

from .client import PatientClient, WrongError
from .runs import Runs
from .schedule import Ending, PlannedJob
from .site import Site
from .tally import Tally, Verdict

SUCCESS, FAILURE = "finishedSuccessfully", "finishedWithError"
ENDED = {SUCCESS, FAILURE, "undefined"}
CODE = 3  # with which a job fails that is made to
NOT_STAGED = "service stopped"  # said of a job whose POST was cut off; it asks for another POST
POSTS = 20


@dataclass
class Life:
    """One job. ``resource``: where its plugin job is in the interface."""

    site: Site
    planned: PlannedJob
    client: PatientClient
    runs: Runs
    tally: Tally

    def __post_init__(self) -> None:
        self.jid = f"round-{uuid.uuid4().hex[:12]}"
        self.inputs = {
            f"d{number % 7}/f{number}": f"{self.jid} {number}\n" * 20 for number in range(self.planned.files)
        }

    def live(self) -> None:
        """Run it, look at its end, delete it. Raises StuckError, WrongError."""
        raise NotImplementedError

    def find(self, verdict: Verdict, text: str) -> None:
        """Count something that went wrong with it."""
        self.tally.find(verdict, f"{self.jid} ({self.planned.ending}): {text}")

    def script(self) -> str:
        """What the job runs; ``$0`` is its input directory, ``$1`` its output directory."""
        code = CODE if self.planned.ending is Ending.FAILURE else 0
        body = f'sleep {self.planned.runs:.1f}; cp -r "$0"/. "$1" || exit 9; echo done; exit {code}'
        return self.runs.script(self.jid, body)

    def submitted(self, path: str, form: dict[str, Any], data_file: bytes = b"") -> None:
        """POST until the job is there."""
        answer = self.client.ask("POST", path, {"jid": self.jid, **form}, data_file)
        if answer.status_code != 201:
            raise WrongError(f"POST {path}: {answer.status_code} {answer.text[:300]}")

    def ended(self, resource: str) -> dict[str, str] | None:
        """Ask until a job has ended; its ``compute``, or None when it is lost."""
        was_started = False
        while True:
            answer = self.client.ask("GET", f"{resource}/{self.jid}/")
            if answer.status_code == 404:
                self.find(Verdict.LOST, f"{resource}: {answer.text}")
                return None
            compute: dict[str, str] = answer.json()["compute"]
            if compute["status"] in ENDED:
                return compute
            if was_started and compute["status"] == "notStarted":
                self.find(Verdict.WRONG, f"{resource}: it was started, and is {compute}")
            was_started = compute["status"] == "started"
            self.client.pause(f"GET {resource}: {compute['status']} {compute['message']}")

    def deleted(self, path: str) -> None:
        """DELETE until that is done, and ask whether it is."""
        answer = self.client.ask("DELETE", path)
        if answer.status_code not in (204, 404):
            raise WrongError(f"DELETE {path}: {answer.status_code} {answer.text[:300]}")
        answer = self.client.ask("GET", path)
        if answer.status_code != 404:
            self.find(Verdict.STUCK, f"{path} was deleted, and is {answer.text[:300]}")

    def judge(self, resource: str, compute: dict[str, str]) -> bool:
        """Compare a plugin job's end with what it was made to do; whether its outputs are to be looked at."""
        wanted = FAILURE if self.planned.ending is Ending.FAILURE else SUCCESS
        said = f"{compute['status']}: {compute['message']}"
        if compute["status"] != wanted or (wanted == FAILURE and f"exit code {CODE}" not in compute["message"]):
            self.find(Verdict.WRONG, f"{resource}: {said}")
            return False
        if not compute["logs"].endswith("done\n"):
            self.find(Verdict.LOST, f"{resource}: its log is {compute['logs'][-200:]!r}")
        return True

    def count_runs(self) -> None:
        """A job runs once; one that has failed runs again for a POST that was repeated because nothing answered it."""
        ran = self.runs.of(self.jid)
        allowed = 1 + (self.client.unanswered if self.planned.ending is Ending.FAILURE else 0)
        if ran.together:
            self.find(Verdict.DOUBLED, "it ran twice at the same time")
        elif ran.ended > allowed:
            self.find(Verdict.DOUBLED, f"it ran {ran.ended} times to its end")


class ZipLife(Life):
    """The synchronous interface, with a zip in and a zip out."""

    def live(self) -> None:
        """See Life."""
        content = make_zip(self.inputs)
        for _ in range(POSTS):
            self.submitted("jobs/", {**JOB_FIELDS, "args": [self.script()]}, content)
            if self.planned.ending is Ending.DELETED:
                time.sleep(self.planned.patience)
                break
            compute = self.ended("jobs")
            if compute is None:
                break
            if self.client.unanswered and NOT_STAGED in compute["message"]:
                continue  # of a POST that was never answered
            if self.judge("jobs", compute):
                self._look_at_outputs()
            break
        self.deleted(f"jobs/{self.jid}/")
        self.count_runs()

    def _look_at_outputs(self) -> None:
        while True:
            answer = self.client.ask("GET", f"jobs/{self.jid}/file/")
            if answer.status_code != 200:
                self.find(Verdict.LOST, f"outputs: {answer.status_code} {answer.text[:300]}")
                return
            try:
                with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                    found = {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith("/")}
            except (zipfile.BadZipFile, requests.RequestException) as fault:
                self.client.pause(f"outputs: {fault!r}")  # cut off, as a client sees: it asks again
                continue
            if found != self.inputs:
                self.find(Verdict.LOST, f"{len(found)} of {len(self.inputs)} outputs are right")
            return


class LinkLife(Life):
    """The staged interface: copy, plugin, upload and delete jobs."""

    def live(self) -> None:
        """See Life."""
        inputs, outputs = f"home/u/{self.jid}", f"home/u/feeds/{self.jid}/data"
        for name, text in self.inputs.items():
            path = self.site.storebase / inputs / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        where = {"input_dirs": [inputs], "output_dir": outputs}
        limits = {"cpu_limit": 1000, "memory_limit": 200}
        if self._operation("copy", {**where, **limits}):
            self.submitted("pluginjobs/", {**JOB_FIELDS, **where, "args": [self.script()]})
            if self.planned.ending is Ending.DELETED:
                time.sleep(self.planned.patience)
            elif (compute := self.ended("pluginjobs")) and self.judge("pluginjobs", compute):
                self._operation("upload", {"job_output_path": outputs, **limits})
                self._look_at_outputs(outputs)
        self._operation("delete", {})
        for kind in ("copy", "plugin", "upload", "delete"):
            self.deleted(f"{kind}jobs/{self.jid}/")
        self.count_runs()

    def _operation(self, kind: str, form: dict[str, Any]) -> bool:
        """A job of pfcon's own; whether it ended well. ``undefined`` asks for another POST, as ChRIS makes it."""
        for _ in range(POSTS):
            self.submitted(f"{kind}jobs/", form)
            compute = self.ended(f"{kind}jobs")
            if compute is None:
                return False
            if compute["status"] != "undefined":
                break
        if compute["status"] != SUCCESS:
            self.find(Verdict.WRONG, f"{kind}: {compute['status']}: {compute['message']}")
        return compute["status"] == SUCCESS

    def _look_at_outputs(self, outputs: str) -> None:
        root = self.site.storebase / outputs
        found = {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
        if found != self.inputs:
            self.find(Verdict.LOST, f"{len(found)} of {len(self.inputs)} outputs are right")


LIVES: dict[str, type[Life]] = {"zipfile": ZipLife, "fslink": LinkLife}
