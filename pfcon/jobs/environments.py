"""The environment variables of jobs, from the request until the engine has the job; they may contain a user's token.

A database keeps deleted data in its log, in dead rows and in backups. So no record contains an environment. It is in a
file of the service's own, one for each attempt of a job, which ``JobSpec.env_file`` names. The file is removed once the
engine has the job, or will not get it.
"""

import json
import os
from dataclasses import replace

from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.records import Journal, Phase

FOLDER = "environments"  # below .pfcon


class Environments:
    """The files with environments. Methods raise OSError."""

    def __init__(self, storebase: StoreBase) -> None:
        self._storebase = storebase

    def keep(self, spec: JobSpec, claim: str) -> JobSpec:
        """Write a job's environment to a file; return the job without it, as a record may contain it."""
        if not spec.env:
            return spec
        name = _name(spec.jid, claim)
        directory = self._storebase.private_dir(FOLDER)
        file = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(file, "w", encoding="ascii") as writer:
            json.dump(spec.env, writer)
            writer.flush()
            os.fsync(file)
        return replace(spec, env=(), env_file=name)

    def complete(self, spec: JobSpec) -> JobSpec:
        """Return a job with its environment, for the engine. Raises Refused if the file is missing.

        Records of earlier releases contain the environment themselves.
        """
        if not spec.env_file:
            return spec
        try:
            text = (self._storebase.private / FOLDER / spec.env_file).read_text(encoding="ascii")
            env = tuple((str(key), str(value)) for key, value in json.loads(text))
        except (FileNotFoundError, ValueError):
            raise Refused("the job's environment variables are no longer in storeBase; post the job again") from None
        return replace(spec, env=env, env_file="")

    def delete(self, spec: JobSpec | None) -> None:
        """Delete a job's environment. Idempotent."""
        if spec is not None and spec.env_file:
            (self._storebase.private / FOLDER / spec.env_file).unlink(missing_ok=True)

    def delete_of(self, jid: JobId, claim: str) -> None:
        """Delete the file that ``keep`` has written for a claim. Idempotent."""
        (self._storebase.private / FOLDER / _name(jid, claim)).unlink(missing_ok=True)

    def delete_unused(self, journal: Journal) -> None:
        """Delete files that no job needs any more, which crashes have left. Also raises Unreachable."""
        try:
            names = os.listdir(self._storebase.private / FOLDER)
        except FileNotFoundError:
            return
        for name in names:
            record = journal.get(JobId(name.partition("+")[0]), JobKind.PLUGIN)  # the row is written before the file
            waits = record is not None and record.phase in (Phase.STAGING, Phase.SCHEDULING)
            if waits and record and (record.spec is None or record.spec.env_file == name):
                continue
            (self._storebase.private / FOLDER / name).unlink(missing_ok=True)


def _name(jid: JobId, claim: str) -> str:
    return f"{jid}+{claim}"  # no jid has a "+"
