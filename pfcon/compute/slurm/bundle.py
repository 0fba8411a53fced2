"""A job's config.json for an OCI runtime (opencontainers/runtime-spec, config.md). Pure."""

from typing import Any

from pfcon.compute.slurm.cdi import Edits
from pfcon.compute.slurm.node_job import Bind, NodeJob

HOSTNAME = "job"  # followed by the worker's number
OF_WORKER = "PFCON_WORKER"  # without a value: it stands for the variables that are known on the node
# Shell commands that write a worker's own config.json: "$json" with the variables of the file `worker` (see job.sh).
# With PMIx the worker sees the directory of its server, too, in a mount after all others. The marks can't be within a
# string of the JSON text: there, quotes are escaped.
OWN_CONFIG = r"""escaped=$(sed 's/[\"]/\\&/g' "$2/worker") || exit 125
variables=$(printf '%s\n' "$escaped" | sed 's/.*/"&"/; $!s/$/,/')
mount=$(printf '%s\n' "$escaped" | sed -n 's/^PMIX_SERVER_TMPDIR=//p')
options='"options": ["rbind", "nosuid", "nodev"]'
mount=${mount:+", {\"destination\": \"$mount\", \"source\": \"$mount\", $options}"}
mark='"PFCON_WORKER"], "cwd":'
begin=${json%%"$mark"*} rest=${json#*"$mark"}
mark='], "linux":'
printf '%s\n' "$begin$variables], \"cwd\":${rest%%"$mark"*}$mount$mark${rest#*"$mark"}" >"$2/config.json" || exit 125
"""
LAYERED = "rootfs"  # in the directory of the worker, which is its bundle
# Shell commands that mount the image there, with a layer in memory above it: for mount points and hooks of GPUs.
LAYER = f"""\
mkdir "$2/lower" "$2/layer" "$2/{LAYERED}" && mount --rbind {{rootfs}} "$2/lower" && mount -t tmpfs tmpfs "$2/layer" &&
    mkdir "$2/layer/upper" "$2/layer/work" &&
    mount -t overlay -o "lowerdir=$2/lower,upperdir=$2/layer/upper,workdir=$2/layer/work" overlay "$2/{LAYERED}" ||
    exit 125
"""
_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
_MASKED = (
    *("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats"),
    *("/proc/sched_debug", "/proc/scsi", "/sys/firmware"),
)
_READ_ONLY = ("/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_NO_DEVICES = ["nosuid", "nodev"]


def config(job: NodeJob, *, first: bool, completed: bool, real: bool = False) -> dict[str, Any]:
    """Return the configuration of a container without capabilities, whose root (or user) is the submitting user.

    The image is shared by all its jobs and read-only. Each job has its own /tmp, /var/tmp and /run, in memory. The
    network is the node's.

    first: whether the container has its own pid namespace, in which its command is process 1; otherwise it uses that of
    the process that starts the runtime, whose /proc must show this namespace. completed: whether ``OWN_CONFIG`` is run
    on the node. real: whether the job's user is the one of the same number where the runtime runs.
    """
    uid, gid = job.user or (0, 0)
    edits = job.edits or Edits((), (), {})
    own = [word for word in edits.env if word.partition("=")[0] not in job.env]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": uid, "gid": gid, "umask": 0o022},
            "args": list(job.argv),
            "env": [*own, *(f"{key}={value}" for key, value in job.env.items()), *([OF_WORKER] if completed else [])],
            "cwd": job.cwd,
            "capabilities": {name: [] for name in _SETS},
            "noNewPrivileges": True,
        },
        # crun makes a read-only root read-only before it runs hooks, which have to write there.
        "root": {"path": LAYERED if job.edits else str(job.rootfs), "readonly": job.edits is None},
        "hostname": HOSTNAME,
        "mounts": [_proc(own=first), *_system_mounts(job.shm), *map(_bind, job.binds), *edits.mounts],
        "linux": {
            "uidMappings": _mappings(uid, job.uid, real=real),
            "gidMappings": _mappings(gid, job.gid, real=real),
            "namespaces": [{"type": kind} for kind in ("user", *(["pid"] if first else []), "ipc", "uts", "mount")],
            "maskedPaths": list(_MASKED),
            "readonlyPaths": list(_READ_ONLY),
        },
        **({"hooks": edits.hooks} if edits.hooks else {}),
    }


def _proc(*, own: bool) -> dict[str, Any]:
    """Return the mount of /proc. A new /proc shows only one pid namespace, and only its owner may mount it."""
    return _mount("/proc", "proc") if own else _mount("/proc", "bind", "rbind", "noexec", *_NO_DEVICES, source="/proc")


def _mappings(inside: int, outside: int, *, real: bool) -> list[dict[str, int]]:
    """Return which user (or group) of the node the job's one is; real: it is that of the same number.

    Then root is mapped, too, because the node's root starts the container, and runtimes become root in it.
    """
    pairs = {0: 0, inside: inside} if real else {inside: outside}
    return [{"containerID": own, "hostID": other, "size": 1} for own, other in pairs.items()]


def _system_mounts(shm: int | None) -> list[dict[str, Any]]:
    size = [] if shm is None else [f"size={shm}m"]
    return [
        _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
        _mount("/dev/shm", "tmpfs", "noexec", *_NO_DEVICES, "mode=1777", *size),  # noqa: S108 - of the container
        _mount("/dev/mqueue", "mqueue", "noexec", *_NO_DEVICES),
        _mount("/sys", "bind", "rbind", "noexec", *_NO_DEVICES, "ro", source="/sys"),
        _mount("/tmp", "tmpfs", *_NO_DEVICES, "mode=1777"),  # noqa: S108
        _mount("/var/tmp", "tmpfs", *_NO_DEVICES, "mode=1777"),  # noqa: S108
        _mount("/run", "tmpfs", *_NO_DEVICES, "mode=755"),
        _mount("/etc/resolv.conf", "bind", "bind", "ro", *_NO_DEVICES, source="/etc/resolv.conf"),
    ]


def _mount(target: str, kind: str, *options: str, source: str | None = None) -> dict[str, Any]:
    return {"destination": target, "type": kind, "source": source or kind, "options": list(options)}


def _bind(bind: Bind) -> dict[str, Any]:
    access = "ro" if bind.read_only else "rw"
    return _mount(str(bind.target), "bind", "rbind", access, *_NO_DEVICES, source=str(bind.source))
