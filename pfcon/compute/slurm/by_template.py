"""launch.sh of a launcher that is a template: what it needs on its node, then its command line. Pure.

In launch.sh, ``$1`` is the launcher's program, ``$2`` a directory of the node for this worker alone, and ``$3`` the
worker's number. The job's environment is given in one way: by the bundle, by a file that the template names, or, if it
names none, as the launcher's own environment. Then env(1) of the image sets what the launcher itself would read.
"""

import re
import shlex
from collections.abc import Iterator, Mapping

from pfcon.compute.slurm.bundle import HOSTNAME, OWN_CONFIG
from pfcon.compute.slurm.first_process import UNSHARE, as_first
from pfcon.compute.slurm.host_variables import of_host
from pfcon.compute.slurm.node_job import NodeJob
from pfcon.compute.slurm.template import Template
from pfcon.errors import Refused

# What each worker knows of itself is in the file `worker` of its node, one variable in each line; see job.sh. The loop
# is before the job's own variables, of which one may have the name of the loop's.
ADD_WORKER = 'while IFS= read -r line; do export "$line"; done <"$2/worker"\n'
_ADD_TO_FILE = 'cat "$2/worker" >>"$2/env" || exit 125\n'
_ADD_TO_SCRIPT = r"""sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/; s/^/export /" "$2/worker" >>"$2/env.sh" || exit 125
"""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def by_template(job: NodeJob, template: Template) -> str:
    """Return launch.sh for a launcher whose containers have an init, or a pid namespace that ends with it."""
    return _prepared(job, template) + _run(job, template)


def below_first(
    job: NodeJob,
    template: Template,
    before: str = "",
    *,
    unshare: str = UNSHARE,
    beside: str = "",
    own: Mapping[str, str] | None = None,
) -> str:
    """Return launch.sh for a launcher that runs below process 1 of the job: see ``as_first`` for the parameters.

    own: further variables of the launcher.
    """
    prepared = before + _prepared(job, template)
    run = exports(own or {}) + _run(job, template)
    return as_first(job.directory, prepared, run, unshare=unshare, beside=beside, user=job.real_user)


def exports(env: Mapping[str, str]) -> str:
    """Return shell code that sets variables. Raises Refused for names that a shell has not."""
    for key in env:
        if not _VARIABLE.fullmatch(key):
            raise Refused(f"env: this launcher can't set a variable named {key!r}; the launcher crun can")
    return "".join(f"export {key}={shlex.quote(value)}\n" for key, value in env.items())


def env_lines(job: NodeJob) -> Iterator[str]:
    """Yield NAME=VALUE for each variable. Raises Refused for values of several lines, and for unusual names."""
    for key, value in job.env.items():
        if "\n" in key + value or not _VARIABLE.fullmatch(key):
            raise Refused(
                f"env: this launcher can't set {key}: its value has several lines, or its name has unusual characters; "
                "the launcher crun can"
            )
        yield f"{key}={value}"


def _run(job: NodeJob, template: Template) -> str:
    """Return the line that becomes the launcher; its environment is the job's if the template names no other way."""
    values = {
        "rootfs": shlex.quote(str(job.rootfs)),
        "bundle": '"$2"',
        "image": shlex.quote(job.image),
        "env_file": '"$2/env"',
        "env_script": '"$2/env.sh"',
        "cwd": shlex.quote(job.cwd),
        "name": f'"{job.container}-$3"',
        "hostname": f'"{HOSTNAME}-$3"',
        "workdir": '"$2"',
        "log": shlex.quote(f"{job.directory}/launcher.log"),
        **({} if job.shm is None else {"shm": str(job.shm)}),
        **({} if job.user is None else {"uid": str(job.user[0]), "gid": str(job.user[1])}),
    }
    mounts = [
        {
            "source": shlex.quote(str(bind.source)),
            "target": shlex.quote(str(bind.target)),
            "access": "ro" if bind.read_only else "rw",
        }
        for bind in job.binds
    ]
    given = template.places & {"bundle", "env_file", "env_script"}
    inside = {} if given else of_host(job.env)
    words = template.shell(values, mounts, shlex.join(_argv(job, inside)), gpus=bool(job.gpus))
    outside = {key: value for key, value in job.env.items() if key not in inside}
    return f'{"" if given else ADD_WORKER + exports(outside)}exec "$1" {words}\n'


def _argv(job: NodeJob, env: Mapping[str, str]) -> tuple[str, ...]:
    """Return the job's command, run by env(1) of the image if that has to set variables."""
    if not env:
        return job.argv
    exports(env)  # refuses what is no variable
    if "=" in job.argv[0] or job.argv[0].startswith("-"):
        raise Refused(
            f"the command {job.argv[0]!r} can't run with the variable {min(env)}: the command line of the launcher has "
            "none of {bundle}, {env_file} and {env_script}"
        )
    return ("env", *(f"{key}={value}" for key, value in env.items()), *job.argv)


def _prepared(job: NodeJob, template: Template) -> str:
    """Return shell code that creates the files which the template names."""
    places, found = template.places, ""
    if "bundle" in places:
        # Each worker has its own bundle, because it has its own hostname. This pattern can't match within a string of
        # the JSON text: there, quotes are escaped.
        hostname = f's/"hostname": "{HOSTNAME}"/"hostname": "{HOSTNAME}-\'"$3"\'"/'
        found += f"json=$(sed '{hostname}' {shlex.quote(f'{job.directory}/config.json')}) || exit 125\n{OWN_CONFIG}"
    if "env_file" in places:
        found += _file(job, "env", "".join(f"{line}\n" for line in env_lines(job))) + _ADD_TO_FILE
    if "env_script" in places:
        found += _file(job, "env.sh", exports(job.env)) + _ADD_TO_SCRIPT
    return found


def _file(job: NodeJob, name: str, text: str) -> str:
    """Return shell code that writes a file for this user alone. No line of a value can end it: the marker is random."""
    end = f"END_{job.marker}"
    return f"(umask 077 && cat >\"$2/{name}\") <<'{end}' || exit 125\n{text}{end}\n"
