"""Whole lives of jobs, as a client sees them, and what must be true of each."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .client import PatientClient, WrongError
from .runs import Runs
from .schedule import Ending, PlannedJob
from .site import Site
from .tally import Tally, Verdict

SUCCESS, FAILURE = "finishedSuccessfully", "finishedWithError"
ENDED = {SUCCESS, FAILURE, "undefined"}
CODE = 3  # with which a job fails that is made to


@dataclass
class Life:
    """One job. ``was_killed``: its plugin job was, together with the service, and what it wrote may be cut off."""

    site: Site
    planned: PlannedJob
    client: PatientClient
    runs: Runs
    tally: Tally

    def __post_init__(self) -> None:
        self.jid = f"round-{uuid.uuid4().hex[:12]}"
        self.inputs = {
            f"d{number % 7}/f{number}": f"{self.jid} {number}\n".encode() * 20 for number in range(self.planned.files)
        }
        self.was_killed = False

    def prepare(self) -> None:
        """What its user does before the round begins."""

    def clean(self) -> None:
        """Remove what the user has of it, at the end."""

    def live(self) -> None:
        """Run it, look at its end, delete it. Raises StuckError, WrongError."""
        raise NotImplementedError

    def find(self, verdict: Verdict, text: str) -> None:
        """Count something that went wrong with it."""
        self.tally.find(verdict, f"{self.jid} ({self.planned.ending}): {text}")

    def script(self) -> str:
        """What the job runs; ``$0`` is its input directory, ``$1`` its output directory."""
        code = CODE if self.planned.ending is Ending.FAILURE else 0
        copy = 'until cp -r "$0"/. "$1" 2>/dev/null; do sleep 0.3; done'
        body = f"sleep {self.planned.runs:.1f}; {copy}; echo done; exit {code}"
        return self.runs.script(self.jid, body)

    def submitted(self, path: str, form: dict[str, Any], data_file: bytes = b"") -> None:
        """POST until the job is there."""
        answer = self.client.ask("POST", path, {"jid": self.jid, **form}, data_file)
        if answer.status_code != 201:
            raise WrongError(f"POST {path}: {answer.status_code} {answer.text[:300]}")

    def ended(self, resource: str) -> dict[str, str] | None:
        """Ask until a job has ended; its ``compute``, or None when there is none, which is counted as lost.

        Only a deletion may be known to one worker alone: on a full disk it is done before it is written down.
        """
        was_started = False
        while True:
            answer = self.client.ask("GET", f"{resource}/{self.jid}/")
            if answer.status_code == 404:
                if not (self.site.was_full and resource == "deletejobs"):
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
        """DELETE until that is done, and ask whether it is.

        On a full disk the data go first: until the record follows, the deletion can be asked for again.
        """
        while True:
            answer = self.client.ask("DELETE", path)
            if answer.status_code not in (204, 404):
                raise WrongError(f"DELETE {path}: {answer.status_code} {answer.text[:300]}")
            answer = self.client.ask("GET", path)
            if answer.status_code == 404:
                return
            if not self.site.was_full:
                self.find(Verdict.STUCK, f"{path} was deleted, and is {answer.text[:300]}")
                return
            self.client.pause(f"{path} was deleted, and is {answer.text[:300]}")

    def judge(self, resource: str, compute: dict[str, str]) -> bool:
        """Compare a plugin job's end with what it was made to do; whether its outputs are to be looked at.

        One that was killed has failed, unless it had come to its end just before.
        """
        wanted = FAILURE if self.planned.ending is Ending.FAILURE else SUCCESS
        status, message, said = compute["status"], compute["message"], f"{compute['status']}: {compute['message']}"
        by_itself = status == wanted and (wanted == SUCCESS or f"exit code {CODE}" in message)
        if self.jid in self.site.killed:
            self.was_killed = status == FAILURE and not by_itself and message != ""
            by_itself = by_itself and self.runs.of(self.jid).ended > 0
        if self.was_killed:
            return True
        if not by_itself:
            self.find(Verdict.WRONG, f"{resource}: {said}{' although it was killed' * (self.jid in self.site.killed)}")
            return False
        log_is_lost = self.site.was_full and "log is lost" in compute["message"]  # and the message says so
        log = compute["logs"].removesuffix(f"pfcon: {message}\n")
        if not log.endswith("done\n") and not log_is_lost:
            self.find(Verdict.LOST, f"{resource}: its log is {compute['logs'][-200:]!r}")
        return True

    def compare(self, what: str, found: Mapping[str, bytes]) -> None:
        """Compare inputs or outputs with what they have to be, by name and byte."""
        kept = [name for name, data in found.items() if data == self.inputs.get(name)]
        cut_off = self.was_killed and all(self.inputs.get(name, b"").startswith(data) for name, data in found.items())
        if not cut_off and not len(kept) == len(found) == len(self.inputs):
            self.find(Verdict.LOST, f"{what}: {len(kept)} of {len(found)} are right, of {len(self.inputs)} inputs")

    def count_runs(self) -> None:
        """A job runs once; one that has failed runs again for a POST that was repeated because nothing answered it."""
        ran = self.runs.of(self.jid)
        allowed = 1 + (self.client.unanswered if self.planned.ending is Ending.FAILURE else 0)
        if ran.together:
            self.find(Verdict.DOUBLED, "it ran twice at the same time")
        elif ran.ended > allowed:
            self.find(Verdict.DOUBLED, f"it ran {ran.ended} times to its end")
