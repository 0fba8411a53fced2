"""The life of a job whose inputs and outputs are zips."""

import io
import time
import zipfile

import requests
from support.live import JOB_FIELDS, make_zip

from .lives import Life
from .schedule import Ending
from .tally import Verdict

NOT_STAGED = "while it prepared the job"  # said of a job whose POST was cut off; it asks for another POST
POSTS = 20


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
                    found = {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
            except (zipfile.BadZipFile, requests.RequestException) as fault:
                self.client.pause(f"outputs: {fault!r}")  # cut off, as a client sees: it asks again
                continue
            self.compare("outputs", found)
            return
