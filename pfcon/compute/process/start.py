"""Turns a new process into a job's command. A part of the supervisor: uses only the standard library."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal

TYPE_CHECKING = False  # importing typing would take time and memory for each job
if TYPE_CHECKING:
    from pfcon.compute.process.spec import Plan

# The reasons of a plan: see spec.Plan.
MEMORY, PIDS, TIME_LIMIT, CANCELLED, STOPPED, FOLDER = "memory", "pids", "time limit", "cancelled", "stopped", "folder"
INTERPRETER, SHM, GPUS = "interpreter", "shm", "gpus"

# prctl(2)
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 36, 38


def prctl(option: int, value: int) -> None:
    """Call prctl(2). Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def limit_cores(cores: int) -> None:
    """Bind this process to that number of cores; different jobs begin at different cores."""
    allowed = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(allowed)
    os.sched_setaffinity(0, {allowed[(first + number) % len(allowed)] for number in range(min(cores, len(allowed)))})


def launch(plan: Plan, job: int, log: int, worker: int) -> tuple[int, str]:
    """Start the job's command for one worker, from 0; return its process id, and why it can't be run, ``""`` if it can.

    job: its directory. log: what the command writes to. Raises OSError if no process can be created.
    """
    read_end, write_end = os.pipe()
    me = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            become(plan, job, log, me, worker)
        except BaseException as fault:  # noqa: BLE001 - the child must not continue with the supervisor's code
            text = start_fault(fault, plan) if isinstance(fault, OSError) else repr(fault)
            os.write(write_end, text.encode("utf-8", "replace")[:4096])
        finally:
            os._exit(127)
    os.close(write_end)
    reason = os.read(read_end, 4096).decode("utf-8", "replace")
    os.close(read_end)
    return pid, reason


def become(plan: Plan, job: int, log: int, supervisor: int, worker: int) -> None:
    """Turn a new child process into the job's command. Raises OSError."""
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    for target in (0, 1, 2):
        os.dup2(log if target else os.open(os.devnull, os.O_RDONLY), target)
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would be among the outputs, the working directory
    if plan["cores"]:
        limit_cores(plan["cores"])
    os.chdir(plan["cwd"] or job)
    if plan["uid"] is not None or plan["gid"] is not None:
        uid, gid = (-1 if part is None else part for part in (plan["uid"], plan["gid"]))
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after setresuid, which clears it
    if os.getppid() != supervisor:
        os._exit(1)
    argv = [word.encode("utf-8", "surrogateescape") for word in plan["argv"]]
    env = {key.encode(): value.encode("utf-8", "surrogateescape") for key, value in plan["env"].items()}
    env |= {
        name.encode(): str(worker).encode() for name in plan.get("numbers", ())
    }  # not in a plan of an earlier release
    if of_workers := plan.get("of_workers"):
        env |= {name.encode(): value.encode() for name, value in of_workers[worker].items()}
    execute(argv, env)


def execute(argv: list[bytes], env: dict[bytes, bytes]) -> None:
    """Execute the command, searched on the PATH of ``env``. Raises OSError.

    os.execvpe also does this, but imports modules that the job's user may not be allowed to read.
    """
    folders = [b""] if b"/" in argv[0] else env.get(b"PATH", b"").split(b":")
    worst: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    for folder in folders:
        try:
            os.execve(os.path.join(folder, argv[0]), argv, env)  # noqa: S606 - a shell would change arguments
        except (FileNotFoundError, NotADirectoryError):
            pass
        except PermissionError as fault:
            worst = fault
    raise worst


def start_fault(fault: OSError, plan: Plan) -> str:
    """Return why a command could not be started, as one of the plan's reasons, or as a message for users."""
    if fault.filename == plan["cwd"] and plan["cwd"]:
        return plan["reasons"][FOLDER]
    name = errno.errorcode.get(fault.errno or 0, "")
    if isinstance(fault, FileNotFoundError) and "/" in plan["command"] and os.path.lexists(plan["command"]):
        name = INTERPRETER  # execve(2): "pathname ... or a script or ELF interpreter does not exist"
    return plan["reasons"].get(name) or f"{plan['command']} can't be started: {fault.strerror}"
