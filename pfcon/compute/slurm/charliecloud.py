"""launch.sh of Charliecloud, ch-run(1). Pure.

ch-run gets the variables of a job in a file, not as its own environment: it runs outside of the container. Lines of
that file can't stand for values of several lines: these alone are its own variables, if no program of the node reads
them. ch-run removes single quotes around a value, so each has a pair more.
"""

from dataclasses import replace

from pfcon.compute.slurm.bundle import HOSTNAME
from pfcon.compute.slurm.by_template import below_first
from pfcon.compute.slurm.first_process import UNSHARE
from pfcon.compute.slurm.host_variables import of_host
from pfcon.compute.slurm.mounts import read_only_inputs, tmpfs
from pfcon.compute.slurm.node_job import DEFAULT_PATH, NodeJob
from pfcon.compute.slurm.template import Template, literal, template

_PROGRAM = "ch-run"
_VARIABLES = template("--set-env={env_file}")
_CONTAINER = template("--private-tmp --bind={source}:{target} --cd={cwd} {rootfs} -- {command}")
_OWN = {"USER": "root", "PATH": DEFAULT_PATH}  # it requires USER, and warns without PATH


def charliecloud(job: NodeJob) -> str:
    """In namespaces, where inputs are made read-only, and where all of the job ends with process 1."""
    several = {key: value for key, value in job.env.items() if "\n" in value and key not in _OWN}
    several = {key: value for key, value in several.items() if key not in of_host(several)}
    kept = [*several, *([] if "HOME" in job.env else ["HOME"])]  # else it is /root
    user = job.user or (0, 0)
    options = [
        "--env-no-expand",
        f"--unset-env=!({'|'.join(kept)})" if kept else "--unset-env=*",
        f"--uid={user[0]}",
        f"--gid={user[1]}",
    ]
    words = (_PROGRAM, *map(literal, options), *_VARIABLES.words, *_CONTAINER.words)
    inner = read_only_inputs(job.binds)
    if job.shm is not None:  # a container has /dev of its machine
        inner += f"{tmpfs(job.shm)} /dev/shm\n"
    return below_first(
        replace(job, env={key: f"'{value}'" for key, value in job.env.items() if key not in several}),
        Template(words),
        f'hostname "{HOSTNAME}-$3" 2>/dev/null || :\nset -e\n{inner}set +e\n',
        unshare=f"env -i {UNSHARE} --uts",
        own={**_OWN, **several},
    )
