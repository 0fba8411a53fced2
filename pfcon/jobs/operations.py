"""Builds the JobSpecs of copy, upload and delete jobs, which run ``python -m pfcon.operations``."""

import os
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pfcon
from pfcon.jobs.context import JobContext
from pfcon.models import JobId, JobKind, JobSpec, Mount, Resources, Secret, User
from pfcon.service_log import current_request_id

ROOT = PurePosixPath("/share/storebase")  # path of storeBase in an operation
SECRETS = PurePosixPath("/share/secrets")  # path of the storage's ``secrets`` in an operation


def operation_spec(context: JobContext, jid: JobId, kind: JobKind, request: str, limits: Resources) -> JobSpec:
    """Return the job that executes an operation on a job's directory.

    Only the job's directory is mounted; to copy users' files that are in storeBase, all of storeBase too, read-only.
    It runs as this service's own user, so that this service can delete what it writes.
    """
    job = context.storebase.job(jid)
    directory = Mount(PurePosixPath(job.name), ROOT / job.name, read_only=False)
    everything = Mount(PurePosixPath(), ROOT, read_only=True)
    operation = context.kinds[kind]
    secrets = tuple(Secret(name, SECRETS / name) for name in operation.secrets(context))
    secret_args = [word for secret in secrets for word in ("--secret", str(secret.target))]
    allowed = Resources() if context.options.ignore_limits else limits
    return JobSpec(
        name=kind.engine_name(jid),
        jid=jid,
        kind=kind,
        image=context.options.op_image or "",
        argv=(*_interpreter(context), "-m", "pfcon.operations", kind.value, str(ROOT / job.name), *secret_args),
        env=_environment(context),
        mounts=(everything, directory) if operation.reads_storebase(context) else (directory,),
        resources=replace(allowed, pids=context.options.pids),
        user=User(os.geteuid(), os.getegid()),
        labels=context.options.labels,
        request=request,
        secrets=secrets,
        service=context.signer.service_id(),
        request_id=current_request_id(),
    )


def _interpreter(context: JobContext) -> tuple[str, ...]:
    return ("python3",) if context.options.op_image else (sys.executable,)


def _environment(context: JobContext) -> tuple[tuple[str, str], ...]:
    if context.options.op_image:
        return ()
    own_code = str(Path(pfcon.__file__).parents[1])  # the code of this service
    return (("PYTHONPATH", os.pathsep.join([own_code, *filter(None, [os.environ.get("PYTHONPATH")])])),)
