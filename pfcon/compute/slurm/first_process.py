"""The first process of a job: a shell of the node that is process 1 in a pid namespace. Pure.

No job is process 1 of its pid namespace: its orphans would remain zombies until it ended, and it would ignore signals
to itself (pid_namespaces(7)). Process 1 is the node's shell that runs launch.sh, in namespaces of unshare(1). It reaps
orphans, forwards SIGTERM, and exits with the job's status; so an image needs neither an init nor a shell. The container
then has no pid namespace of its own, but a user namespace below that of process 1, whose files and memory it can't
access. unshare(1) does not forward signals, so process 1 writes its id to the file ``launcher``.
"""

import shlex
from pathlib import PurePosixPath

UNSHARE = "unshare -Urm --pid --fork --kill-child"
# With a user of the node: root and that user have the same numbers in the user namespace. Only root may map two users:
# the shell's child does, from outside. The command line of unshare(1) waits for that: it has no capabilities before.
# The output of the job is a pipe of root's, which the user may open, too (/dev/stderr).
_MAPPED = r"""    chown {uid} /proc/self/fd/1 || exit 125
    outside=$$
    {{
        own=$(readlink /proc/self/ns/user)
        until [ "$own" != "$(readlink "/proc/$outside/ns/user" || echo "$own")" ]; do
            kill -0 "$outside" && sleep 0.05 || exit
        done 2>/dev/null
        printf '%s\n' {uids} >"/proc/$outside/uid_map" && printf '%s\n' {gids} >"/proc/$outside/gid_map" || {{
            echo "pfcon: root of this machine may not run jobs as another user" >&2
            kill -KILL "$outside"
        }}
    }} &
"""
_UNSHARE_MAPPED = (
    "unshare -Um --pid --fork --kill-child "
    "/bin/sh -c 'until read -r _ </proc/self/gid_map; do sleep 0.05; done; exec \"$@\"' sh"
)
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
END_ORPHANS = """\
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
_WAIT = """\
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
"""  # a shell reports on stderr which signal ended the process that it waited for


def as_first(
    directory: PurePosixPath,
    before: str,
    run: str,
    *,
    unshare: str = UNSHARE,
    beside: str = "",
    user: tuple[int, int] | None = None,
) -> str:
    """Return launch.sh as process 1 of a job: it runs ``before`` itself, and ``run`` in the child that it waits for.

    directory: of the job, where launch.sh is. beside: shell code that runs while the child does. user: uid and gid of a
    user of the node that the namespace has besides root, if root runs this.
    """
    prepared = _WITH_SCRIPT
    if user:
        uids, gids = (shlex.join(f"{number} {number} 1" for number in dict.fromkeys((0, one))) for one in user)
        prepared += _MAPPED.format(uid=user[0], uids=uids, gids=gids)
        unshare = _UNSHARE_MAPPED
    again = run_again(f"$with_script {unshare}", directory, prepared)
    return f"{again}{_FIRST}{before}run() {{\n{run}}}\n{_RUN}{beside}{_WAIT}"


def run_again(within: str, directory: PurePosixPath, before: str = "") -> str:
    """Return shell code that runs launch.sh again with the command ``within``; a fourth argument marks that run."""
    run = f'exec {within} /bin/sh {shlex.quote(f"{directory}/launch.sh")} "$@" inside'
    return f'if [ "$#" -eq 3 ]; then\n{before}    {run}\nfi\n'
