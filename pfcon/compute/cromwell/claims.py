"""pfcon's own records of jobs, in storeBase: in Cromwell, names are not unique, and workflows are never removed.

.pfcon/cromwell/
    jobs/<name>/         a claim: at most one for a name, visible to all pfcon services of one storeBase
        job.json         the job, and the token that its workflow has as a label
        lock             locked (flock) while the workflow is being submitted
        workflow         its id, and the time of Cromwell's answer (Unix time)
        cancelled        why pfcon has cancelled the job; exists after that
    removed/<token>      exists after the job was removed; its workflow is not pfcon's any more
    executions/          for Cromwell: its backend's directory of tasks
"""

import contextlib
import dataclasses
import json
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pfcon.errors import Conflict, Refused
from pfcon.files.locks import locked
from pfcon.files.writing import replace_file
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED, SUCCESS, Why

REMEMBERED = 31 * 24 * 3600  # seconds that removed jobs are remembered; older workflows are never searched
STALE = 3600.0  # seconds after which temporary files count as left by a crash
_TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class Claim:
    """The claim of a name by a job. created_at: Unix time. minutes: the job's time limit."""

    path: Path
    spec: JobSpec
    token: str
    created_at: float
    minutes: int

    def submission(self) -> tuple[str, float]:
        """Return the workflow's id, ``""`` until Cromwell has answered, and the submission time. Raises OSError."""
        try:
            workflow, moment = (self.path / "workflow").read_text().split()
        except FileNotFoundError:
            return "", self.created_at
        return workflow, float(moment)

    @property
    def workflow(self) -> str:
        """Return the id of the job's workflow, ``""`` until Cromwell has answered. Raises OSError."""
        return self.submission()[0]

    def set_workflow(self, workflow: str) -> bool:
        """Record the id; return False if the claim was removed in the meantime. Raises OSError."""
        try:
            replace_file(self.path, "workflow", _workflow_text(workflow).encode(), mode=0o666, prefix=_TEMPORARY)
        except FileNotFoundError:
            return False
        return True

    def cancellation(self) -> Why:
        """Return why pfcon has stopped the job; empty if it has not. Raises OSError."""
        try:
            return Why.of_note((self.path / "cancelled").read_text()) or CANCELLED
        except FileNotFoundError:
            return SUCCESS

    def set_cancelled(self, why: Why) -> None:
        """Record that the job is being cancelled, unless that is recorded already. Raises OSError."""
        with contextlib.suppress(FileExistsError), open(self.path / "cancelled", "x") as file:
            file.write(why.note())

    @contextlib.contextmanager
    def submitting(self) -> Iterator[bool]:
        """A context with the lock for submitting; its value is False if another process has it. Raises OSError."""
        with locked(self.path / "lock") as ours:
            yield ours


class Claims:
    """All claims of one storeBase. Every method raises OSError if storeBase can't be read or written."""

    def __init__(self, storebase: StoreBase) -> None:
        self._storebase = storebase

    def _directory(self, name: str) -> Path:
        path = self._storebase.private_dir("cromwell") / name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def prepare(self) -> None:
        """Create the directories."""
        for name in ("jobs", "removed", "executions"):
            self._directory(name)

    def sweep(self) -> None:
        """Create the directories; remove notes about removed jobs after REMEMBERED seconds, and what crashes left."""
        self.prepare()
        horizon = time.time() - REMEMBERED
        for path in self._directory("removed").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < horizon:
                    path.unlink()
        for path in self._directory("jobs").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.name.startswith(_TEMPORARY) and path.stat().st_mtime < time.time() - STALE:
                    shutil.rmtree(path, ignore_errors=True)

    def get(self, name: str) -> Claim | None:
        """Return the claim of a name; None if it has none."""
        if not _is_name(name):
            return None
        path = self._directory("jobs") / name
        try:
            raw = json.loads((path / "job.json").read_text())
        except FileNotFoundError:
            return None
        return Claim(path, JobSpec.from_json(raw["spec"]), raw["token"], raw["created_at"], raw["minutes"])

    def requests(self) -> dict[str, str]:
        """Return ``JobSpec.request`` of all claims, by name; ``""`` for a damaged one."""
        found = {}
        for path in self._directory("jobs").iterdir():
            try:
                claim = self.get(path.name)
            except (ValueError, KeyError, TypeError, NotADirectoryError):
                found[path.name] = ""
            else:
                if claim is not None:
                    found[path.name] = claim.spec.request
        return found

    def take(self, spec: JobSpec, token: str, minutes: int, workflow: str = "") -> Claim:
        """Claim a name, for an existing or a future workflow. Raises Conflict if the name is taken."""
        if not _is_name(spec.name):
            raise Refused(f"{spec.name!r} can't be the name of a job")
        jobs = self._directory("jobs")
        temporary = jobs / f"{_TEMPORARY}{token}-{uuid.uuid4().hex}"
        claim = Claim(jobs / spec.name, dataclasses.replace(spec, env=()), token, time.time(), minutes)
        content = {
            "spec": claim.spec.to_json(),  # without the environment, which may contain a user's token
            "token": token,
            "created_at": claim.created_at,
            "minutes": minutes,
        }
        temporary.mkdir(mode=0o700)
        try:
            (temporary / "job.json").write_text(json.dumps(content))
            if workflow:
                (temporary / "workflow").write_text(_workflow_text(workflow))
            temporary.rename(claim.path)  # fails if the name has a claim, which is never empty
        except OSError as fault:
            shutil.rmtree(temporary, ignore_errors=True)
            if claim.path.exists():
                raise Conflict(f"a job {spec.name} already exists") from fault
            raise
        return claim

    def release(self, claim: Claim) -> None:
        """Release the name of a removed job. Its workflow never counts as a job again. Idempotent."""
        (self._directory("removed") / claim.token).touch()
        current = self.get(claim.spec.name)
        if current is None or current.token != claim.token:
            return
        trashed = claim.path.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        with contextlib.suppress(FileNotFoundError):
            claim.path.rename(trashed)
        shutil.rmtree(trashed, ignore_errors=True)

    def is_removed(self, token: str) -> bool:
        """Return whether the job of that token was removed."""
        return (self._directory("removed") / token).exists()


def _workflow_text(workflow: str) -> str:
    """Return the content of the file ``workflow`` for a workflow that was submitted now."""
    return f"{workflow} {time.time()}"


def _is_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and "/" not in name and "\0" not in name
