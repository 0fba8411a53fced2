"""``pfcon run``: runs one job from a directory of inputs to a directory of outputs, as a plugin's author does."""

import signal
import uuid
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pfcon.client import outputs
from pfcon.client.connection import FOLLOWING, Connection
from pfcon.client.ending import remove_job
from pfcon.client.errors import FAILED, Answered, ClientError, ServiceAway, WrongUse
from pfcon.client.feed import ACTIVE, REMOVED, Compute, PolledFeed, StreamedFeed, has_surely_ended, is_final
from pfcon.client.interrupts import Interrupted, interruptible
from pfcon.client.output import OutputFault, print_json, put_log, require_reader, say, say_log, status_text
from pfcon.client.progress import Progress
from pfcon.client.upload import Form, Tree, job_fields, tree_of
from pfcon.models import JobId, JobStatus
from pfcon.reasons import Reason
from pfcon.units import human_bytes

NO_ZIPS = (
    "this service takes inputs from users' files (its storage is {storage}), not from a zip: pfcon run can't give it "
    "a directory. Use a service without PFCON_INNETWORK, or run the job through ChRIS"
)
_TOO_LARGE = 413
_MAY_RUN = "pfcon: job {jid} may still run{why}; pfcon logs -f {jid} follows it, pfcon cancel {jid} cancels it"
_KEPT = "pfcon: job {jid} is kept{why}; its outputs are a zip at {url}jobs/{jid}/file/, pfcon rm {jid} removes it"
_LEFT = "pfcon: job {jid} may be left on the service; its outputs are in {outputs}, pfcon rm {jid} removes it"


@dataclass
class _Saved:
    """What was saved of the outputs. fault: why not all."""

    files: int = 0
    nbytes: int = 0
    fault: str = ""


def run(connection: Connection, arguments: Namespace) -> int:
    """Run a job; return its exit code, or 1 if it has failed without one.

    SIGINT, SIGTERM and SIGHUP cancel the job, unless it has ended; the exit status is 128 and the signal's number then.
    """
    _check(arguments)
    info = connection.get("jobs/")
    if info["pfcon_innetwork"]:
        raise WrongUse(NO_ZIPS.format(storage=info["storage_env"]))
    if arguments.jid and _is_known(connection, arguments.jid):
        raise WrongUse(f"--jid {arguments.jid}: there is a job with this id; pfcon rm {arguments.jid} removes it")
    outputs.prepare(arguments.outputs)
    return _Run(connection, arguments).run()


def _check(arguments: Namespace) -> None:
    if not arguments.words:
        raise WrongUse("the command of the job is missing: give it after --, as in: pfcon run IMAGE ... -- COMMAND ARG")
    if arguments.inputs is not None and not arguments.inputs.is_dir():
        raise WrongUse(f"--inputs {arguments.inputs}: is no directory")


def _is_known(connection: Connection, jid: str) -> bool:
    try:
        connection.get(f"records/{jid}/")
    except Answered as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


class _Run:
    """One job. It exists on the service, perhaps, from ``_posted`` to ``_removed``.

    _end: its state once it has ended. _saved: None until its outputs are.
    """

    def __init__(self, connection: Connection, arguments: Namespace) -> None:
        self._connection, self._arguments = connection, arguments
        self._jid = JobId(arguments.jid or f"run-{uuid.uuid4().hex[:12]}")
        self._progress = Progress(quiet=arguments.quiet)
        connection.tell = self._note
        self._posted = self._removed = False
        self._end: Compute | None = None
        self._saved: _Saved | None = None

    def run(self) -> int:
        with interruptible():
            try:
                return self._to_the_end()
            except Interrupted as end:
                self._end_early()
                return 128 + end.number
            except OutputFault as fault:
                self._end_early()
                if fault.nobody_reads:
                    return 128 + signal.SIGPIPE
                raise
            except ClientError as fault:
                self._tell_what_is_left(fault)
                raise

    def _to_the_end(self) -> int:
        self._submit()
        compute = self._follow()
        saved = self._saved = _Saved() if self._removed else self._save()
        self._finish(compute, saved)
        return FAILED if saved.fault else exit_status(compute)

    def _note(self, text: str) -> None:
        if not self._arguments.quiet:
            self._say(f"pfcon: {text}")

    def _say(self, text: str) -> None:
        self._progress.clear()
        say(text)

    def _tell(self, template: str, why: str = "") -> None:
        url, directory = self._connection.login.url, self._arguments.outputs
        self._say(template.format(jid=self._jid, why=why, url=url, outputs=directory))

    def _submit(self) -> None:
        inputs: Path | None = self._arguments.inputs
        found = tree_of(inputs) if inputs else Tree()
        form = Form(job_fields(self._jid, self._arguments), inputs)
        if found.links:
            self._note(f"{found.links} links of the inputs are left out, such as {found.first_link}")
        self._note(f"job {self._jid}: sending {found.files} input files, {human_bytes(found.nbytes)}")
        with self._progress.step("sending inputs", found.nbytes):

            def body() -> Iterator[bytes]:
                self._progress.restart()
                return form.blocks(self._progress.add)

            self._posted = True
            try:
                self._connection.post("jobs/", body, form.content_type, FOLLOWING)
            except Answered as refusal:
                if refusal.status != _TOO_LARGE or not form.store_instead():
                    raise
                self._note("the service refuses a zip that unpacks to so much more; sending it uncompressed")
                self._connection.post("jobs/", body, form.content_type, FOLLOWING)

    def _follow(self) -> Compute:
        told, compute = "", dict[str, Any]()
        for news in StreamedFeed(self._connection, self._jid):
            if news.compute is not None:
                compute = news.compute
                self._end = compute if is_final(compute) else None
            for line in news.lines:
                self._show(line)
            text = status_text(compute["status"], compute["message"]) if compute else ""
            if text != told:
                told = text
                self._note(f"job {self._jid}: {text}")
            require_reader()
        self._end, self._removed = compute, compute["status"] == REMOVED
        if self._arguments.quiet and compute["status"] != JobStatus.SUCCEEDED:
            say(f"pfcon: job {self._jid}: {told}")
        return compute

    def _show(self, line: str) -> None:
        if not self._arguments.json:
            put_log(line)
        elif not self._arguments.quiet:
            say_log(line)

    def _save(self) -> _Saved:
        target = self._arguments.outputs
        try:
            files, nbytes = outputs.save(self._connection, self._jid, target, self._progress)
        except ClientError as fault:
            say(f"pfcon: {fault}")
            return _Saved(fault=str(fault))
        self._note(f"{files} output files, {human_bytes(nbytes)}, in {target}")
        return _Saved(files, nbytes)

    def _finish(self, compute: Compute, saved: _Saved) -> None:
        """Remove the job, unless it is to be kept or may be needed; print the result as JSON if wanted."""
        if not self._removed:
            self._settle(compute, saved)
        if self._arguments.json:
            shown = {"directory": str(self._arguments.outputs), "files": saved.files, "bytes": saved.nbytes}
            print_json({**compute, "kept": not self._removed, "outputs": shown})

    def _settle(self, compute: Compute, saved: _Saved) -> None:
        if saved.fault:
            self._tell(_KEPT)
        elif not has_surely_ended(compute):
            self._tell(_KEPT, ": it is not known how it ended")
        elif not self._arguments.keep:
            self._remove()

    def _remove(self) -> None:
        try:
            remove_job(self._connection, self._jid)
            self._removed = True
        except ClientError as fault:
            say(f"pfcon: job {self._jid} could not be removed: {fault}; pfcon rm {self._jid} removes it")

    def _end_early(self) -> None:
        """Cancel and remove the job; keep it if it has ended by itself. A second signal ends the waiting."""
        try:
            if self._posted and self._end is None:
                self._say(f"pfcon: cancelling job {self._jid}")
                self._cancel()
            if self._end is not None and not self._removed:
                self._tell(_LEFT if self._saved and not self._saved.fault else _KEPT)
        except (ClientError, Interrupted) as fault:
            self._tell(_KEPT if self._end else _MAY_RUN, f": {fault}" if isinstance(fault, ClientError) else "")

    def _cancel(self) -> None:
        """Cancel the job, and remove it unless it is to be kept. ``_end`` is set if it has ended by itself."""
        try:
            compute = self._connection.post(f"jobs/{self._jid}/cancel/")["compute"]
        except Answered as refusal:
            if refusal.status != 404:
                raise
            return
        if self._arguments.keep and not is_final(compute):
            for news in PolledFeed(self._connection, self._jid):
                compute = news.compute or compute
        self._note(f"job {self._jid}: {status_text(compute['status'], compute['message'])}")
        if compute["status"] == REMOVED:
            self._removed = True
        elif compute["status"] not in ACTIVE and compute["reason"] != Reason.CANCELLED:
            self._end = compute
        elif not self._arguments.keep:
            self._remove()

    def _tell_what_is_left(self, fault: ClientError) -> None:
        """Say how to find the job after a fault, if it may be on the service."""
        if self._posted and (isinstance(fault, ServiceAway) or self._may_be_left()):
            self._tell(_KEPT if self._end else _MAY_RUN)

    def _may_be_left(self) -> bool:
        try:
            return _is_known(self._connection, self._jid)
        except (ClientError, Interrupted):
            return True


def exit_status(compute: Compute) -> int:
    """Return 0 for a job that has succeeded, its exit code for one that has failed with one, and otherwise 1."""
    if compute["status"] == JobStatus.SUCCEEDED:
        return 0
    return compute["exit_code"] or FAILED
