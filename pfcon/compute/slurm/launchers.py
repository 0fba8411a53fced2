"""The programs that run a job's container on its node. Pure: each is a row of ``LAUNCHERS``.

All of them use the same unpacked image. A row creates two texts. The first one is ``launch.sh`` in the job's directory,
which is run with the arguments PROGRAM, TEMPORARY (a directory of the node) and NUMBER (of the worker, from 0). The
job's environment is only in this file, or in the bundle. The second one is a shell command that always ends a
container. Several workers of one job may run on the same node: each container has its own name.

No job is process 1 of its pid namespace: its orphans would remain zombies until it ended, and it would ignore signals
to itself (pid_namespaces(7)). Process 1 is the node's shell that runs launch.sh, in namespaces of unshare(1). It reaps
orphans, forwards SIGTERM, and exits with the job's status; so an image needs neither an init nor a shell. The container
then has no pid namespace of its own, but a user namespace below that of process 1, whose files and memory it can't
access. unshare(1) does not forward signals, so process 1 writes its id to the file ``launcher``. Other launchers have
an init: podman(1) with --init, apptainer(1) with every pid namespace, Slurm itself with job.sh. enroot(1) creates no
pid namespace.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from pfcon.compute.slurm.bundle import HOSTNAME, OWN_CONFIG, config
from pfcon.compute.slurm.node_job import Bind, NodeJob
from pfcon.compute.slurm.settings import LauncherName
from pfcon.errors import Refused

INSIDE = PurePosixPath("/run/pfcon")  # the job's directory in its container, if Slurm itself starts that
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KILL_CHILD = 'kill -KILL "$child"'
_UNSHARE = "unshare -Urm --pid --fork --kill-child"
# Without cgroups in Slurm, processes that a batch script has started would survive if only the script is killed.
# setpriv(1) of util-linux before 2.33 has no --pdeathsig.
_WITH_SCRIPT = """\
    with_script='setpriv --pdeathsig KILL'
    $with_script true 2>/dev/null || with_script=''
"""
# The job's variables may have any names: the variables of the waiting shell are not in its environment.
_FIRST = """\
child='' stopping=''
trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child"' TERM
read -r launcher _ </proc/self/stat && echo "$launcher" >"$2/launcher" || exit 125
"""  # /proc is still the node's: process ids in it are as job.sh knows them
_RUN = 'run "$@" &\nchild=$!\n'
# crun(1) adopts the orphans of a job and waits for them. Its pid file has no newline at the end.
_END_ORPHANS = """\
{
    main=''
    until [ -n "$main" ]; do sleep 0.2; read -r main <"$2/main"; done
    while kill -0 "$main"; do sleep 1; done
    while kill -0 "$child"; do
        left=''
        read -r left <"/proc/$child/task/$child/children"
        kill -KILL $left
        sleep 0.1
    done
} 2>/dev/null &
"""
# Before the job's own variables, of which one may have the name of the loop's.
_ADD_WORKER = 'while IFS= read -r line; do export "$line"; done <"$2/worker"\n'
_WAIT = """\
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
"""  # a shell reports on stderr which signal ended the process that it waited for
_NUMBER = "${SLURM_PROCID:-0}"  # of the worker, in the line that ends its container
# A bind mount has the flags of the mount below it, and a remount must not remove any: so combinations are tried.
_SELF_BIND = 'directory={}\nmount --rbind "$directory" "$directory"\n'
_READ_ONLY = """\
for kept in nosuid,nodev nosuid,nodev,noexec nosuid,nodev,noatime nosuid,nodev,noexec,noatime refused; do
    [ "$kept" != refused ] || { echo "pfcon: the inputs can't be made read-only" >&2; exit 125; }
    ! mount -o "remount,bind,ro,$kept" "$directory" 2>/dev/null || break
done
"""


@dataclass(frozen=True)
class Launcher:
    """program: searched on the node's PATH; empty if Slurm starts the container. package: its Debian package.

    launch: the body of launch.sh. stop: ends the container, also if its launcher has ended. gpus: whether jobs can use
    GPUs. tried: whether the tests run it; the others were written from their manuals. bundle: whether it reads
    config.json. own_log: whether it writes its errors to launcher.log instead of the job's log.
    """

    program: str
    package: str
    launch: Callable[[NodeJob], str]
    stop: Callable[[NodeJob], str] = lambda _: _KILL_CHILD
    gpus: bool = False
    tried: bool = False
    bundle: bool = False
    own_log: bool = False

    def files(self, job: NodeJob) -> dict[str, str]:
        """Return the launcher's files in a job's directory, by name. Raises Refused for a job that it can't run."""
        if job.gpus and not self.gpus:
            able = ", ".join(name for name, launcher in LAUNCHERS.items() if launcher.gpus)
            raise Refused(f"gpu_limit: SLURM_LAUNCHER={name_of(self)} can't give GPUs to jobs; these can: {able}")
        if job.workers > 1 and not self.program:
            raise Refused(f"number_of_workers: SLURM_LAUNCHER={name_of(self)} runs one worker, not {job.workers}")
        files = {"launch.sh": self.launch(job)}
        if self.bundle:
            own = replace(job, uid=0, gid=0) if self.program else _inside(job)
            files["config.json"] = json.dumps(config(own, first=not self.program))
        return files


def _crun(job: NodeJob) -> str:
    """crun(1)."""
    return _oci(job, "--cgroup-manager=disabled", '--pid-file "$2/main" ', beside=_END_ORPHANS)


def _runc(job: NodeJob) -> str:
    """runc(8). In namespaces: if permitted, it puts its container into a cgroup that Slurm does not know."""
    return _oci(job, "--rootless=true")


def _runc_stop(job: NodeJob) -> str:
    """All processes end together with unshare(1); runc itself only has to remove its cgroup."""
    return (
        f'{_KILL_CHILD}; "$PROGRAM" --rootless=true --root "$TEMPORARY/oci" delete --force "{job.container}-{_NUMBER}"'
    )


def _oci(job: NodeJob, options: str, run_options: str = "", beside: str = "") -> str:
    """Return launch.sh for an OCI runtime. Each worker has its own bundle, because it has its own hostname."""
    config_json, log = _quoted(f"{job.directory}/config.json"), _quoted(f"{job.directory}/launcher.log")
    # This pattern can't match within a string of the JSON text: there, quotes are escaped.
    hostname = f's/"hostname": "{HOSTNAME}"/"hostname": "{HOSTNAME}-\'"$3"\'"/'
    before = f"mount -t proc proc /proc || exit 125\njson=$(sed '{hostname}' {config_json}) || exit 125\n{OWN_CONFIG}"
    return _first(
        job,
        before,
        f'exec "$1" --log {log} {options} --root "$2/oci" run {run_options}--bundle "$2" "{job.container}-$3"\n',
        beside=beside,
    )


def _charliecloud(job: NodeJob) -> str:
    """ch-run(1). In namespaces, where inputs are made read-only, and where all of the job ends with process 1."""
    # Writable mounts come first: they may be inside a directory that becomes read-only.
    ordered = sorted(job.binds, key=lambda bind: bind.read_only)
    inner = "".join(_SELF_BIND.format(_quoted(str(bind.source))) + _READ_ONLY * bind.read_only for bind in ordered)
    env = {"USER": "root", **job.env}  # it requires USER
    extra = [] if "USER" in job.env else ["--unset-env=USER"]
    extra += [f"--set-env=HOME={job.env['HOME']}", "--env-no-expand"] if "HOME" in job.env else []  # else /root
    binds = [f"--bind={bind.source}:{bind.target}" for bind in job.binds]
    words = _quoted("--uid=0", "--gid=0", "--private-tmp", *extra, *binds, f"--cd={job.cwd}", str(job.rootfs), "--")
    return _first(
        job,
        f'hostname "{HOSTNAME}-$3" 2>/dev/null || :\nset -e\n{inner}set +e\n',
        f'{_ADD_WORKER}{_exports(env)}exec "$1" {words} {_quoted(*job.argv)}\n',
        unshare=f"env -i {_UNSHARE} --uts",
    )


def _apptainer(job: NodeJob) -> str:
    """apptainer-exec, singularity-exec: the job's variables are passed with a prefix."""
    env = {f"APPTAINERENV_{key}": value for key, value in job.env.items()}
    env |= {f"SINGULARITYENV_{key}": value for key, value in job.env.items()}
    binds = [word for bind in job.binds for word in ("--bind", _colons(bind))]
    options = ["--containall", "--cleanenv", "--no-home", "--no-privs", "--pwd", job.cwd, *binds]
    options += ["--nv"] if job.gpus else []
    add = 'while IFS= read -r line; do export "APPTAINERENV_$line" "SINGULARITYENV_$line"; done <"$2/worker"\n'
    return f'{add}{_exports(env)}exec "$1" exec {_quoted(*options, str(job.rootfs), *job.argv)}\n'


def _podman(job: NodeJob) -> str:
    """podman-run(1), with the node's user as root; the environment is a file with one line for each variable."""
    binds = [f"--volume={_colons(bind)}" for bind in job.binds]
    options = [
        *("--rm", "--init", "--cgroups=disabled", "--runtime=crun", "--network=host", "--pull=never"),
        *("--cap-drop=all", "--security-opt=no-new-privileges", "--read-only", "--http-proxy=false", "--unsetenv-all"),
    ]
    options += [f"--workdir={job.cwd}", *binds, *(["--device=nvidia.com/gpu=all"] if job.gpus else [])]
    # --env-file reads one variable from each line, so values with several lines are refused.
    env = "".join(f"{line}\n" for line in _lines("podman", job.env))
    own, add = f'--name="{job.container}-$3" --env-file="$2/env"', 'cat "$2/worker" >>"$2/env"\n'
    words = _quoted(*options, "--entrypoint=", "--rootfs", str(job.rootfs), *job.argv)
    return f'(umask 077 && cat >"$2/env") <<\'PFCON_END\'\n{env}PFCON_END\n{add}exec "$1" run {own} {words}\n'


def _podman_stop(job: NodeJob) -> str:
    return f'"$PROGRAM" rm --force --time=0 "{job.container}-{_NUMBER}"'


def _enroot(job: NodeJob) -> str:
    """enroot-start, with the unpacked image as a container in its data directory; see its "Configuration"."""
    mounts = [
        f"{bind.source} {bind.target} none x-create=dir,rbind,{'ro' if bind.read_only else 'rw'}" for bind in job.binds
    ]
    text = "\n".join(_lines("enroot", job.env))
    data = _quoted(str(job.rootfs.parent))
    words = _quoted(*(word for mount in mounts for word in ("--mount", mount)), "--root", job.rootfs.name, *job.argv)
    return (
        f"cat >\"$2/start.conf\" <<'PFCON_END'\nenviron() {{\n    cat <<'PFCON_ENV'\n{text}\nPFCON_END\n"
        '{ cat "$2/worker"; printf \'PFCON_ENV\\n}\\n\'; } >>"$2/start.conf"\n'
        f'ENROOT_DATA_PATH={data} exec "$1" start --conf "$2/start.conf" {words}\n'
    )


def _container(job: NodeJob) -> str:
    """Slurm's own containers: the script itself runs in the container (Slurm, "Containers Guide"), with its shell."""
    run = f"cd {_quoted(job.cwd)} && exec {_quoted(*job.argv)}\n"
    return f"{_again('env -i', INSIDE)}{_ADD_WORKER}{_exports(job.env)}{run}"


def _container_stop(_: NodeJob) -> str:
    """If the script is process 1, all others are the job's; they keep the log open until they end."""
    return f'{_KILL_CHILD}; [ "$$" -ne 1 ] || sweep'


def _inside(job: NodeJob) -> NodeJob:
    """Return the job with its own directory as a further mount; Slurm itself sets the command."""
    return replace(job, binds=(*job.binds, Bind(job.directory, INSIDE, read_only=False)), argv=("/bin/sh",))


def _first(job: NodeJob, before: str, run: str, *, unshare: str = _UNSHARE, beside: str = "") -> str:
    """Return launch.sh as process 1 of a job: it runs ``before`` itself, and ``run`` in the child that it waits for."""
    again = _again(f"$with_script {unshare}", job.directory, _WITH_SCRIPT)
    return f"{again}{_FIRST}{before}run() {{\n{run}}}\n{_RUN}{beside}{_WAIT}"


def _again(within: str, directory: PurePosixPath, before: str = "") -> str:
    """Return shell code that runs launch.sh again with the command ``within``; a fourth argument marks that run."""
    run = f'exec {within} /bin/sh {_quoted(f"{directory}/launch.sh")} "$@" inside'
    return f'if [ "$#" -eq 3 ]; then\n{before}    {run}\nfi\n'


def _exports(env: dict[str, str]) -> str:
    for key in env:
        if not _VARIABLE.fullmatch(key):
            raise Refused(f"env: this launcher can't set a variable named {key!r}; SLURM_LAUNCHER=crun can")
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in env.items())


def _lines(launcher: str, env: dict[str, str]) -> Iterator[str]:
    for key, value in env.items():
        if "\n" in key + value or not _VARIABLE.fullmatch(key):
            raise Refused(
                f"env: {launcher} can't set {key}: its value has several lines, or its name has unusual characters; "
                "SLURM_LAUNCHER=crun can"
            )
        yield f"{key}={value}"


def _colons(bind: Bind) -> str:
    return f"{bind.source}:{bind.target}:{'ro' if bind.read_only else 'rw'}"


def _quoted(*words: str) -> str:
    return shlex.join(words)


LAUNCHERS: dict[LauncherName, Launcher] = {
    LauncherName.CRUN: Launcher("crun", "crun", _crun, tried=True, bundle=True, own_log=True),
    LauncherName.RUNC: Launcher("runc", "runc", _runc, _runc_stop, tried=True, bundle=True, own_log=True),
    LauncherName.CHARLIECLOUD: Launcher("ch-run", "charliecloud-runtime", _charliecloud, tried=True),
    LauncherName.APPTAINER: Launcher("apptainer", "", _apptainer, gpus=True),
    LauncherName.SINGULARITY: Launcher("singularity", "", _apptainer, gpus=True),
    LauncherName.PODMAN: Launcher("podman", "podman", _podman, _podman_stop, gpus=True),
    LauncherName.ENROOT: Launcher("enroot", "", _enroot, gpus=True),
    LauncherName.CONTAINER: Launcher("", "", _container, _container_stop, tried=True, bundle=True),
}


def name_of(launcher: Launcher) -> LauncherName:
    """Return the value of SLURM_LAUNCHER for a launcher."""
    return next(name for name, known in LAUNCHERS.items() if known is launcher)
