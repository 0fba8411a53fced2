"""Builds the WDL 1.0 document of a job's workflow, and its labels. Pure.

The backend's configuration in Cromwell must accept the runtime attributes that are used here: see
docs/engines/cromwell.md. ``docker``, ``cpu`` and ``memory`` are Cromwell's own ("Runtime Attributes" in its manual).
"""

import csv
import hashlib
import io
import re
import shlex
from pathlib import PurePosixPath

from pfcon.compute.base import all_mounts
from pfcon.compute.cromwell.description import NEEDS_UID, ONE_WORKER, label_fault
from pfcon.compute.cromwell.quoting import NEWLINE, shell_word, wdl_string
from pfcon.compute.workers import own_env, worker_env
from pfcon.errors import Refused
from pfcon.models import JobSpec, Mount
from pfcon.units import mib_to_bytes, millicores_to_cores

BACKEND = "pfcon"  # the name of the backend in Cromwell's configuration
WORKFLOW, TASK = "pfcon", "job"
OPTIONS: dict[str, object] = {"backend": BACKEND, "read_from_cache": False, "write_to_cache": False}
"""Workflow options. Without the last two, a job equal to an earlier one would get that job's result without a run."""

NAME_LABEL, STORE_LABEL, CLAIM_LABEL = "pfcon-job", "pfcon-store", "pfcon-claim"
REQUEST_LABEL, KIND_LABEL, SERVICE_LABEL = "pfcon-request", "pfcon-kind", "pfcon-service"
REQUEST_ID_LABEL = "pfcon-request-id"  # of the HTTP request that has made the job; in pfcon's log, too

NO_COMMAND, NOT_EXECUTABLE, NOT_MOUNTED = "no such command", "not executable", "not mounted"
OTHER_USER, OTHER_SHM, NO_GPU = "another user", "another size of /dev/shm", "no GPU"
REFUSALS = {NO_COMMAND: 127, NOT_EXECUTABLE: 126, **dict.fromkeys((NOT_MOUNTED, OTHER_USER, OTHER_SHM, NO_GPU), 125)}
"""Why a job's script ends before it runs the command, with exit codes. It prints the reason to stderr after REFUSAL."""
REFUSAL = "pfcon: "

WORKDIR = "pfcon_workdir"
"""A variable with the directory in which the backend has started the container: Cromwell's script leaves it."""

# The characters of Docker's references; none of them is special in a shell or in WDL.
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,511}")


def require_possible(spec: JobSpec) -> None:
    """Raise Refused for a job that this engine can never run."""
    resources = spec.resources
    if resources.workers != 1:
        raise Refused(f"number_of_workers: must be 1, not {resources.workers}: {ONE_WORKER}")
    if spec.user and spec.user.uid is None and spec.user.gid is not None:
        raise Refused(f"CONTAINER_USER: {NEEDS_UID}")
    for label in spec.labels:
        if fault := label_fault(*label):
            raise Refused(f"JOB_LABELS: {fault}")
    if not spec.argv or not spec.argv[0]:
        raise Refused("the command is empty")
    if spec.env and "=" in spec.argv[0]:
        raise Refused(f"Cromwell can't run the command {spec.argv[0]!r}: it contains a '='")
    if any(not key or "=" in key for key, _ in spec.env):
        raise Refused("env: the name of a variable is empty, or contains a '='")
    if not _IMAGE.fullmatch(spec.image):
        raise Refused(f"image: {spec.image!r} is not a valid image name, e.g. registry.example.org/name:tag")


def document(spec: JobSpec, root: PurePosixPath, minutes: int) -> str:
    """Return the WDL of a job. root: the path of storeBase on the compute nodes. minutes: the time limit.

    Raises Refused for a text that WDL can't express.
    """
    runtime = {"docker": wdl_string(spec.image), "pfcon_minutes": str(minutes)}
    runtime["pfcon_mounts"] = wdl_string(mount_options(all_mounts(spec), root))
    if spec.resources.cpu is not None:
        runtime["cpu"] = str(millicores_to_cores(spec.resources.cpu))
    if spec.resources.memory is not None:
        runtime["memory"] = wdl_string(f"{spec.resources.memory} MiB")
    if spec.resources.gpus:
        runtime["gpuCount"] = str(spec.resources.gpus)
    if spec.resources.shm is not None:
        runtime["pfcon_shm"] = str(spec.resources.shm)
    if spec.user and spec.user.uid is not None:
        parts = (spec.user.uid, spec.user.gid)
        runtime["pfcon_user"] = wdl_string(":".join(str(part) for part in parts if part is not None))
    runtime |= {"maxRetries": "0", "failOnStderr": "false", "continueOnReturnCode": "0"}
    lines = [f"    {key}: {value}" for key, value in runtime.items()]
    return "\n".join(
        [
            "version 1.0",
            "",
            f"workflow {WORKFLOW} {{",
            f"  call {TASK}",
            "}",
            "",
            f"task {TASK} {{",
            "  command <<<",
            command(spec),
            "  >>>",
            "  runtime {",
            *lines,
            "  }",
            "}",
            "",
        ]
    )


def command(spec: JobSpec) -> str:
    """Return the shell script of a job, for any POSIX shell. Its lines are not indented: see ``quoting``.

    stderr is redirected to stdout, so that the log has both in their order; Cromwell's file for stderr only contains
    the messages of the script, the container runtime and the scheduler.
    """
    path = dict(spec.env).get("PATH")
    search = f"PATH={shell_word(path)}; " if path is not None else ""
    own = own_env(spec)
    variables = " ".join(shell_word(f"{key}={value}") for key, value in own)
    of_worker = " ".join(f"{key}={value}" for key, value in worker_env(spec, 0)[len(own) :])  # names and numbers
    start = f'env -- {variables} "$@"' if variables else '"$@"'
    targets = [shell_word(str(mount.target)) for mount in all_mounts(spec)]
    return "\n".join(
        [
            f"{NEWLINE}='",
            "'",
            "pfcon_refuse() {",
            f"printf '{REFUSAL}%s\\n' \"$1\" >&2",
            'exit "$2"',
            "}",
            f'[ -n "${WORKDIR}" ] || {WORKDIR}=/',
            f'cd -- "${WORKDIR}" || exit 1',
            f"unset {WORKDIR}",
            *(f"[ -d {target} ] || {_refuse(NOT_MOUNTED)}" for target in targets),
            *_checks(spec),
            f"set -- {' '.join(map(shell_word, spec.argv))}",
            'case "$1" in',
            "*/*)",
            f'[ -e "$1" ] || {_refuse(NO_COMMAND)}',
            f'{{ [ -x "$1" ] && [ ! -d "$1" ]; }} || {_refuse(NOT_EXECUTABLE)}',
            ";;",
            f'*) ({search}command -v -- "$1") >/dev/null || {_refuse(NO_COMMAND)} ;;',
            "esac",
            f"export {of_worker}",
            f"exec {start} </dev/null 2>&1",
        ]
    )


def _checks(spec: JobSpec) -> list[str]:
    """Return lines that check what a backend silently ignores if its configuration does not declare it.

    They use only the shell: proc_pid_status(5), proc_pid_mounts(5), and the devices of NVIDIA and AMD GPUs.
    """
    lines: list[str] = []
    wanted = {"Uid:": spec.user.uid, "Gid:": spec.user.gid} if spec.user else {}
    for key, number in wanted.items():
        if number is not None:
            read = f'while read -r pfcon_k pfcon_v _; do [ "$pfcon_k" != {key} ] || break; done </proc/self/status'
            lines += [read, f'[ "$pfcon_v" = {number} ] || {_refuse(OTHER_USER)}']
    if spec.resources.shm is not None:
        size = mib_to_bytes(spec.resources.shm) // 1024  # KiB
        seen = '[ "$pfcon_k" != /dev/shm ] || pfcon_s=$pfcon_v'
        lines += [
            "pfcon_s=",
            f"while read -r _ pfcon_k _ pfcon_v _; do {seen}; done </proc/self/mounts",
            f"case ,$pfcon_s, in *,size={size}k,*) ;; *) {_refuse(OTHER_SHM)} ;; esac",
        ]
    if spec.resources.gpus:
        found = 'for pfcon_k in /dev/nvidia[0-9]* /dev/kfd /dev/dxg; do [ ! -e "$pfcon_k" ] || pfcon_g=1; done'
        lines += ["pfcon_g=", found, f'[ -n "$pfcon_g" ] || {_refuse(NO_GPU)}']
    return lines


def _refuse(reason: str) -> str:
    return f"pfcon_refuse '{reason}' {REFUSALS[reason]}"


def mount_options(mounts: tuple[Mount, ...], root: PurePosixPath) -> str:
    """Return ``--mount`` options, quoted for a shell; docker, podman and apptainer (1.0 and later) accept them."""
    words: list[str] = []
    for mount in mounts:
        fields = ["type=bind", f"source={root / mount.source}", f"destination={mount.target}"]
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow([*fields, *(["ro"] if mount.read_only else [])])
        words += ["--mount", line.getvalue()]
    return shlex.join(words)


def store_id(root: PurePosixPath) -> str:
    """Return an id that distinguishes the jobs of several pfcon services on one Cromwell server, by their storeBase."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:32]


def labels(spec: JobSpec, root: PurePosixPath, token: str) -> dict[str, str]:
    """Return the labels of a job's workflow. token: identifies this submission among those of the same name."""
    found = {
        NAME_LABEL: spec.name,
        STORE_LABEL: store_id(root),
        CLAIM_LABEL: token,
        KIND_LABEL: spec.kind.value,
    }
    kept = {REQUEST_LABEL: spec.request, SERVICE_LABEL: spec.service, REQUEST_ID_LABEL: spec.request_id}
    return dict(spec.labels) | found | {key: value for key, value in kept.items() if value}
