"""Copy, upload and delete jobs as the JobSpecs that run ``python -m pfcon.operations``."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pfcon
from pfcon.jobs.parts import Parts
from pfcon.models import CopyRequest, JobId, JobKind, JobSpec, Mount, Resources, User
from pfcon.paths import JobDir

ROOT = PurePosixPath("/share/storebase")  # where an operation sees storeBase


def operation_spec(parts: Parts, jid: JobId, kind: JobKind, request: str, limits: Resources) -> JobSpec:
    """The job that executes an operation on a job's directory.

    A copy sees all of storeBase, read-only but for the job's directory; the others see that directory alone. It runs
    as this service's own user, so that this service can delete what it writes.
    """
    job = parts.storebase.job(jid)
    directory = Mount(PurePosixPath(job.name), ROOT / job.name, read_only=False)
    everything = Mount(PurePosixPath(), ROOT, read_only=True)
    allowed = Resources() if parts.options.ignore_limits else limits
    return JobSpec(
        name=kind.engine_name(jid),
        jid=jid,
        kind=kind,
        image=parts.options.op_image or "",
        argv=(*_interpreter(parts), "-m", "pfcon.operations", kind.value, str(ROOT / job.name)),
        env=_environment(parts),
        mounts=(everything, directory) if kind is JobKind.COPY else (directory,),
        resources=replace(allowed, pids=parts.options.pids),
        user=User(os.geteuid(), os.getegid()),
        labels=parts.options.labels,
        request=request,
    )


def _interpreter(parts: Parts) -> tuple[str, ...]:
    return ("python3",) if parts.options.op_image else (sys.executable,)


def _environment(parts: Parts) -> tuple[tuple[str, str], ...]:
    if parts.options.op_image:
        return ()
    return (("PYTHONPATH", str(Path(pfcon.__file__).parents[1])),)  # this very code, wherever it lies


def write_copy_order(parts: Parts, job: JobDir, request: CopyRequest) -> None:
    """Leave what a copy operation has to do in the job's directory. Raises OSError."""
    job.path.mkdir(mode=0o711, exist_ok=True)
    order = {
        "storage": parts.storage.name.value,
        "input_dirs": [str(path) for path in request.input_dirs],
        "output_dir": str(request.output_dir),
        "min_free_bytes": parts.limits.free_bytes,
    }
    temporary = job.path / "copy.order.new"
    temporary.write_text(json.dumps(order), encoding="utf-8")
    temporary.replace(job.path / "copy.order")
