"""The programs that run a job's container on its node. Pure: each is a row of ``LAUNCHERS``.

All of them use the same unpacked image. A row creates two texts. The first one is ``launch.sh`` in the job's directory,
which is run with the arguments PROGRAM, TEMPORARY (a directory of the node) and NUMBER (of the worker, from 0). The
job's environment is only in this file, or in the bundle. The second one is a shell command that always ends a
container. Several workers of one job may run on the same node: each container has its own name.

No job is process 1 of its pid namespace: first_process.py tells why. Most launchers run below a shell that is;
podman(1) has an init with --init, Slurm itself job.sh. enroot(1) creates no pid namespace.
"""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath

from pfcon.compute.slurm.abilities import Ability, require_ability
from pfcon.compute.slurm.bundle import LAYER, config
from pfcon.compute.slurm.by_template import ADD_WORKER, below_first, by_template, env_lines, exports
from pfcon.compute.slurm.charliecloud import charliecloud
from pfcon.compute.slurm.first_process import END_ORPHANS, run_again
from pfcon.compute.slurm.host_variables import of_host
from pfcon.compute.slurm.mounts import tmpfs
from pfcon.compute.slurm.names import SLURM, Names
from pfcon.compute.slurm.node_job import Bind, NodeJob
from pfcon.compute.slurm.settings import OCI_RUNTIMES, LauncherName, SlurmSettings
from pfcon.compute.slurm.template import Template, literal, template
from pfcon.errors import Refused

INSIDE = PurePosixPath("/run/pfcon")  # the job's directory in its container, if Slurm itself starts that
_KILL_CHILD = 'kill -KILL "$child"'
_PROC = "mount -t proc proc /proc || exit 125\n"
_CRUN = template(
    "crun --log={log} --cgroup-manager=disabled --root={workdir}/oci "
    "run --pid-file={workdir}/main --bundle={bundle} {name}"
)
_RUNC = template("runc --log={log} --rootless=true --root={workdir}/oci run --bundle={bundle} {name}")
# Variables come from a script that apptainer's own shell runs: those of its environment would be evaluated by a shell,
# and HOME would be ignored with a warning. Its own user namespace: the same container whether it is setuid or not.
_APPTAINER = template(
    "apptainer --silent exec --containall --userns --no-privs --no-home --no-eval --uts --hostname={hostname} "
    "--workdir={workdir} --pwd={cwd} --bind={env_script}:/.singularity.d/env/99-job.sh:ro "
    "--bind={source}:{target}:{access} {gpus:--nv} {rootfs} {command}"
)
# The root file system is an overlay: podman would create files in the image, or fail if it can't. The job writes to the
# log itself (podman-run(1), passthrough), not by way of podman, which has to attach to the container in time.
_PODMAN = template(
    "podman --log-level=error run --rm --init --cgroups=disabled --runtime=crun --network=host --pull=never "
    "--log-driver=passthrough "
    "--cap-drop=all --security-opt=no-new-privileges --read-only --http-proxy=false --unsetenv-all "
    "--hostname={hostname} --workdir={cwd} --volume={source}:{target}:{access} --shm-size={shm}m "
    "{gpus:--device=nvidia.com/gpu=all} "
    "--name={name} --env-file={env_file} --entrypoint= --rootfs {rootfs}:O {command}"
)
_OF_PODMAN = re.compile(r"PATH$|.*_proxy$", re.IGNORECASE)
_NUMBER = "${SLURM_PROCID:-0}"  # of the worker, in the line that ends its container


@dataclass(frozen=True)
class Launcher:
    """program: searched on the node's PATH; empty if Slurm starts the container. package: its Debian package.

    launch: the body of launch.sh. stop: ends the container, also if its launcher has ended. gives: what not all
    launchers can. bundle: whether it reads config.json. own_log: whether it writes its errors to launcher.log instead
    of the job's log. first: whether it runs below process 1 of the job, in that one's user namespace. leaves: whether
    its processes leave those of the batch script, so that Slurm finds them by cgroups only.
    """

    name: LauncherName
    program: str
    package: str
    launch: Callable[[NodeJob], str]
    stop: Callable[[NodeJob], str] = lambda _: _KILL_CHILD
    gives: frozenset[Ability] = frozenset()
    bundle: bool = False
    own_log: bool = False
    first: bool = False
    leaves: bool = False

    def files(self, job: NodeJob, names: Names = SLURM) -> dict[str, str]:
        """Return the launcher's files in a job's directory, by name. names: for messages.

        Raises Refused for a job that it can't run.
        """
        for ability in _needs(job):
            others = (known for name, known in LAUNCHERS.items() if name not in names.without)
            able: list[str] = [known.name for known in others if ability in known.gives]
            able += [f"{name} with {names.cdi}" for name in OCI_RUNTIMES] if ability is Ability.GPUS else []
            require_ability(ability, self.gives, f"{names.launcher}={self.name}", able)
        if job.is_submitter and _USER not in self.gives:
            job = replace(job, user=None)  # then it is the container's root
        if job.workers > 1 and not self.program:
            raise Refused(f"number_of_workers: {names.launcher}={self.name} runs one worker, not {job.workers}")
        files = {"launch.sh": self.launch(job)}
        if self.bundle:
            own = replace(job, uid=0, gid=0) if self.first else job if self.program else _inside(job)
            real = job.real_user is not None
            bundle = config(own, first=not self.first, completed=bool(self.program), real=real)
            files["config.json"] = json.dumps(bundle)
        return files


def _needs(job: NodeJob) -> Iterator[Ability]:
    """Yield what a job needs that not all launchers give."""
    if job.gpus:
        yield Ability.GPUS
    if job.shm is not None:
        yield Ability.SHM
    if not job.is_submitter:
        yield Ability.USER_OF_ROOT if job.real_user else Ability.USER


def _crun(job: NodeJob) -> str:
    """crun(1)."""
    return below_first(job, _CRUN, _PROC + _layer(job), beside=END_ORPHANS)


def _runc(job: NodeJob) -> str:
    """runc(8). In namespaces: if permitted, it puts its container into a cgroup that Slurm does not know."""
    return below_first(job, _RUNC, _PROC + _layer(job))


def _layer(job: NodeJob) -> str:
    return LAYER.format(rootfs=shlex.quote(str(job.rootfs))) if job.edits else ""


def _runc_stop(job: NodeJob) -> str:
    """All processes end together with unshare(1); runc itself only has to remove its cgroup."""
    return (
        f'{_KILL_CHILD}; "$PROGRAM" --rootless=true --root "$TEMPORARY/oci" delete --force "{job.container}-{_NUMBER}"'
    )


def _apptainer(job: NodeJob) -> str:
    """apptainer-exec, singularity-exec. Its processes leave the batch script's, and end with process 1."""
    if job.shm is None:
        return below_first(job, _APPTAINER, _PROC)
    made = f'mkdir "$2/shm" && {tmpfs(job.shm)} "$2/shm" || exit 125\n'
    return below_first(job, _with_words(_APPTAINER, "{rootfs}", "--bind={workdir}/shm:/dev/shm:rw"), _PROC + made)


def _podman(job: NodeJob) -> str:
    """podman-run(1). Its --env-file has one line for each variable: values of several lines are its own variables."""
    several = {key: value for key, value in job.env.items() if "\n" in value and not _OF_PODMAN.match(key)}
    own = {key: value for key, value in several.items() if key not in of_host(several)}
    passed = [literal(f"--env={key}") for key in own]
    rest = replace(job, env={key: value for key, value in job.env.items() if key not in own})
    return exports(own) + by_template(rest, _with_words(_PODMAN, "--env-file={env_file}", *passed))


def _with_words(known: Template, before: str, *words: str) -> Template:
    """Return a template with further words before that one."""
    place = known.words.index(before)
    return Template((*known.words[:place], *words, *known.words[place:]))


def _podman_stop(job: NodeJob) -> str:
    return f'"$PROGRAM" rm --force --time=0 "{job.container}-{_NUMBER}" >/dev/null'


def _enroot(job: NodeJob) -> str:
    """enroot-start, with the unpacked image as a container in its data directory; see its "Configuration"."""
    mounts = [
        f"{bind.source} {bind.target} none x-create=dir,rbind,{'ro' if bind.read_only else 'rw'}" for bind in job.binds
    ]
    text = "\n".join(env_lines(job))
    data = shlex.quote(str(job.rootfs.parent))
    words = shlex.join(
        [*(word for mount in mounts for word in ("--mount", mount)), "--root", job.rootfs.name, *job.argv]
    )
    return (
        f"cat >\"$2/start.conf\" <<'PFCON_END'\nenviron() {{\n    cat <<'PFCON_ENV'\n{text}\nPFCON_END\n"
        '{ cat "$2/worker"; printf \'PFCON_ENV\\n}\\n\'; } >>"$2/start.conf"\n'
        f'ENROOT_DATA_PATH={data} exec "$1" start --conf "$2/start.conf" {words}\n'
    )


def _container(job: NodeJob) -> str:
    """Slurm's own containers: the script itself runs in the container (Slurm, "Containers Guide"), with its shell."""
    run = f"cd {shlex.quote(job.cwd)} && exec {shlex.join(job.argv)}\n"
    return f"{run_again('env -i', INSIDE)}{ADD_WORKER}{exports(job.env)}{run}"


def _container_stop(_: NodeJob) -> str:
    """If the script is process 1, all others are the job's; they keep the log open until they end."""
    return f'{_KILL_CHILD}; [ "$$" -ne 1 ] || sweep'


def _inside(job: NodeJob) -> NodeJob:
    """Return the job with its own directory as a further mount; Slurm itself sets the command."""
    return replace(job, binds=(*job.binds, Bind(job.directory, INSIDE, read_only=False)), argv=("/bin/sh",))


_GPUS, _SHM, _USER = Ability.GPUS, Ability.SHM, Ability.USER
_KNOWN = (
    Launcher(
        LauncherName.CRUN,
        "crun",
        "crun",
        _crun,
        gives=frozenset({_SHM, _USER, Ability.USER_OF_ROOT}),
        bundle=True,
        own_log=True,
        first=True,
    ),
    Launcher(
        LauncherName.RUNC,
        "runc",
        "runc",
        _runc,
        _runc_stop,
        gives=frozenset({_SHM, Ability.USER_OF_ROOT}),  # it refuses a container without a root
        bundle=True,
        own_log=True,
        first=True,
    ),
    Launcher(
        LauncherName.CHARLIECLOUD,
        "ch-run",
        "charliecloud-runtime",
        charliecloud,
        gives=frozenset({_SHM, _USER}),
        first=True,
    ),
    Launcher(LauncherName.APPTAINER, "apptainer", "apptainer", _apptainer, gives=frozenset({_GPUS, _SHM}), first=True),
    Launcher(LauncherName.SINGULARITY, "singularity", "", _apptainer, gives=frozenset({_GPUS, _SHM}), first=True),
    Launcher(
        LauncherName.PODMAN, "podman", "podman", _podman, _podman_stop, gives=frozenset({_GPUS, _SHM}), leaves=True
    ),
    Launcher(LauncherName.ENROOT, "enroot", "", _enroot, gives=frozenset({_GPUS})),
    Launcher(LauncherName.CONTAINER, "", "", _container, _container_stop, gives=frozenset({_SHM}), bundle=True),
)
LAUNCHERS = {launcher.name: launcher for launcher in _KNOWN}
"""The launchers that need no template of the site's."""


def launcher_of(settings: SlurmSettings) -> Launcher:
    """Return the launcher that a site has chosen."""
    if settings.launcher is not LauncherName.COMMAND:
        known = LAUNCHERS[settings.launcher]
        return replace(known, gives=known.gives | {_GPUS}) if settings.cdi and known.name in OCI_RUNTIMES else known
    assert settings.command is not None  # noqa: S101 - checked when the settings were read
    words, places = settings.command, settings.command.places
    return Launcher(
        LauncherName.COMMAND,
        words.program,
        "",
        partial(by_template, template=words),
        gives=_given(places),
        bundle="bundle" in places,
        own_log="log" in places,
    )


def _given(places: frozenset[str]) -> frozenset[Ability]:
    """Return what a template of the site's own gives to jobs."""
    found = {_SHM: {"shm", "bundle"} & places, _USER: "bundle" in places or {"uid", "gid"} <= places}
    return frozenset({ability for ability, has in found.items() if has} | ({_GPUS} if "gpus" in places else set()))
