"""``pfcon run``: runs one job from a directory of inputs to a directory of outputs, as a plugin's author does."""

import signal
import uuid
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from pfcon.client import outputs
from pfcon.client.connection import FOLLOWING, Connection
from pfcon.client.ending import remove_job
from pfcon.client.errors import FAILED, Answered, ClientError, ServiceAway, WrongUse
from pfcon.client.feed import Compute, PolledFeed, StreamedFeed, is_final
from pfcon.client.output import discard_output, log_line, print_json, say, status_text
from pfcon.client.progress import Progress
from pfcon.client.upload import Form, Tree, tree_of
from pfcon.models import JobId, JobStatus
from pfcon.units import human_bytes

NO_ZIPS = (
    "this service takes inputs from users' files (its storage is {storage}), not from a zip: pfcon run can't give it "
    "a directory. Use a service without PFCON_INNETWORK, or run the job through ChRIS"
)
_HINT = "pfcon logs -f {jid} follows it, pfcon cancel {jid} cancels it"


class Interrupted(BaseException):
    """A signal to end. number: of the signal."""

    def __init__(self, number: int) -> None:
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted for SIGINT and SIGTERM."""

    def interrupt(number: int, _frame: FrameType | None) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Saved:
    """What was saved of the outputs. fault: why not all."""

    files: int = 0
    nbytes: int = 0
    fault: str = ""


def run(connection: Connection, arguments: Namespace) -> int:
    """Run a job; return its exit code, or 1 if it has failed without one.

    SIGINT and SIGTERM cancel the job; the exit status is 128 and the signal's number then.
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
    """One job. It exists on the service from ``_submit`` on, perhaps."""

    def __init__(self, connection: Connection, arguments: Namespace) -> None:
        self._connection, self._arguments = connection, arguments
        self._jid = JobId(arguments.jid or f"run-{uuid.uuid4().hex[:12]}")
        self._progress = Progress(quiet=arguments.quiet)

    def run(self) -> int:
        with interruptible():
            try:
                self._submit()
                compute = self._follow()
                saved = self._save()
                self._finish(compute, saved)
            except Interrupted as end:
                return self._cancelled(end.number)
            except BrokenPipeError:
                discard_output()
                return self._cancelled(signal.SIGPIPE)
            except ServiceAway:
                say(f"pfcon: job {self._jid} may still run; {_HINT.format(jid=self._jid)}")
                raise
        return FAILED if saved.fault else exit_status(compute)

    def _note(self, text: str) -> None:
        if not self._arguments.quiet:
            self._progress.clear()
            say(f"pfcon: {text}")

    def _submit(self) -> None:
        inputs: Path | None = self._arguments.inputs
        found = tree_of(inputs) if inputs else Tree()
        form = Form(fields(self._jid, self._arguments), inputs)
        if found.links:
            self._note(f"{found.links} links of the inputs are left out, such as {found.first_link}")
        self._note(f"job {self._jid}: sending {found.files} input files, {human_bytes(found.nbytes)}")
        with self._progress.step("sending inputs", found.nbytes):

            def body() -> Iterator[bytes]:
                self._progress.restart()
                return form.blocks(self._progress.add)

            self._connection.post("jobs/", body, form.content_type, FOLLOWING)

    def _follow(self) -> Compute:
        told, compute = "", dict[str, Any]()
        for news in StreamedFeed(self._connection, self._jid):
            for line in news.lines:
                self._show(line)
            if news.compute is None:
                continue
            compute = news.compute
            text = status_text(compute["status"], compute["message"])
            if text != told:
                told = text
                self._note(f"job {self._jid}: {text}")
        if self._arguments.quiet and compute["status"] != JobStatus.SUCCEEDED:
            say(f"pfcon: job {self._jid}: {told}")
        return compute

    def _show(self, line: str) -> None:
        if self._arguments.json:
            self._note_line(line)
        else:
            print(log_line(line), flush=True)

    def _note_line(self, line: str) -> None:
        if not self._arguments.quiet:
            say(line)

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
        """Remove the job, unless it is to be kept or its outputs are not saved; print the result as JSON if wanted."""
        kept = self._arguments.keep or bool(saved.fault)
        if not kept:
            kept = not self._removed()
        elif saved.fault:
            say(f"pfcon: job {self._jid} is kept with its outputs: pfcon rm {self._jid} removes it")
        if self._arguments.json:
            shown = {"directory": str(self._arguments.outputs), "files": saved.files, "bytes": saved.nbytes}
            print_json({**compute, "kept": kept, "outputs": shown})

    def _removed(self) -> bool:
        try:
            remove_job(self._connection, self._jid)
        except ClientError as fault:
            say(f"pfcon: job {self._jid} could not be removed: {fault}; pfcon rm {self._jid} removes it")
            return False
        return True

    def _cancelled(self, number: int) -> int:
        """Cancel the job after a signal; a second signal ends the waiting."""
        self._progress.clear()
        try:
            say(f"pfcon: cancelling job {self._jid}")
            if self._cancel() and not self._arguments.keep:
                self._removed()
        except (ClientError, Interrupted) as fault:
            why = f": {fault}" if isinstance(fault, ClientError) else ""
            say(f"pfcon: job {self._jid} may still run{why}; {_HINT.format(jid=self._jid)}")
        return 128 + number

    def _cancel(self) -> bool:
        """Cancel the job; return whether there is one."""
        try:
            compute = self._connection.post(f"jobs/{self._jid}/cancel/")["compute"]
        except Answered as refusal:
            if refusal.status != 404:
                raise
            return False
        if self._arguments.keep and not is_final(compute):
            for news in PolledFeed(self._connection, self._jid):
                compute = news.compute or compute
        self._note(f"job {self._jid}: {status_text(compute['status'], compute['message'])}")
        return True


def fields(jid: JobId, arguments: Namespace) -> list[tuple[str, str]]:
    """Return the fields of the job. The first word after ``--`` is the command, the others are its arguments."""
    command, *words = arguments.words
    optional = [("time_limit", str(arguments.time_limit))] if arguments.time_limit else []
    return [
        ("jid", jid),
        ("image", arguments.image),
        ("entrypoint", command),
        *(("args", word) for word in words),
        *(("env", pair) for pair in arguments.env),
        ("type", "ds" if arguments.inputs else "fs"),
        ("auid", arguments.owner),
        ("number_of_workers", str(arguments.workers)),
        ("cpu_limit", str(arguments.cpu_limit)),
        ("memory_limit", str(arguments.memory_limit)),
        ("gpu_limit", str(arguments.gpu_limit)),
        *optional,
    ]


def exit_status(compute: Compute) -> int:
    """Return 0 for a job that has succeeded, its exit code for one that has failed with one, and otherwise 1."""
    if compute["status"] == JobStatus.SUCCEEDED:
        return 0
    return compute["exit_code"] or FAILED
