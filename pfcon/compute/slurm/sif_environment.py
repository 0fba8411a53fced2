"""The variables that a definition file of Apptainer sets (``%environment``), which a SIF image has as shell scripts.

The scripts are of the image, so pfcon runs none of them: it reads assignments of texts and of other variables, such as
``export PATH=/opt/x/bin:$PATH``, and refuses all other shell code.
"""

import re
from pathlib import Path

from pfcon.compute.slurm.node_job import DEFAULT_PATH
from pfcon.compute.slurm.sif import Sif
from pfcon.compute.slurm.sif_assignments import Assignment, Expansion, Line, assignments_of
from pfcon.errors import Refused

_DIRECTORY = ".singularity.d/env"
_OF_OCI = "10-docker2singularity.sh"  # the variables of the OCI image, for files without its configuration
# Apptainer's own scripts, which set nothing that a job needs: the same in each image.
_OWN = re.compile(r"(?:01-base|94-appsbase|95-apps|99-base|99-runtimevars)\.sh")
_LONGEST = 256 * 1024  # bytes of a script
_LONGEST_LINE = 32 * 1024  # characters
_MOST = 2 * 1024 * 1024  # characters of all values that are set: Linux accepts no more of a program's variables
# Known only when a job runs.
_OF_JOB = re.compile(r"HOME|USER|LOGNAME|PWD|OLDPWD|HOSTNAME|SHELL|TMPDIR|(?:SINGULARITY|APPTAINER|SLURM)_.*")


def environment(rootfs: Path, sif: Sif) -> list[str]:
    """Return NAME=VALUE for each variable of an unpacked image. Raises Refused, for other shell code; OSError."""
    env = {"PATH": DEFAULT_PATH}
    env.update(pair for text in sif.env or () if (pair := _pair(text)))
    for script in _scripts(rootfs):
        if sif.env is None or script.name != _OF_OCI:
            _read(script, env)
    return [f"{name}={value}" for name, value in env.items()]


def _pair(text: str) -> tuple[str, str] | None:
    name, equals, value = text.partition("=")
    return (name, value) if equals and name else None


def _scripts(rootfs: Path) -> list[Path]:
    """Return the scripts with the image's own variables, in their order; never through a link out of the image."""
    directory = rootfs
    for part in _DIRECTORY.split("/"):
        directory /= part
        if directory.is_symlink() or not directory.is_dir():
            return []
    found = sorted(path for path in directory.glob("*.sh") if path.is_file() and not path.is_symlink())
    return [path for path in found if not _OWN.fullmatch(path.name)]


def _read(script: Path, env: dict[str, str]) -> None:
    """Add a script's variables to those that it can read."""
    if script.stat().st_size > _LONGEST:
        raise Refused(f"{script.name} of the image is too long to be read")
    try:
        content = script.read_bytes()
    except PermissionError:
        raise Refused(f"{script.name} of the image can't be read by its owner") from None
    left = _MOST
    for number, text in enumerate(content.decode("utf-8", "replace").split("\n"), 1):
        where = f"line {number} of {script.name} in the image"
        line = text.strip(" \t")
        if not line or line.startswith("#"):
            continue
        if len(line) > _LONGEST_LINE:
            raise Refused(f"{where} is too long to be read")
        found = assignments_of(line)
        if found is None:
            raise Refused(
                f"{where} is shell code that pfcon does not run ({line[:60]!r}); "
                "its %environment may only set variables"
            )
        if found.of_export:
            _require_one_meaning(found, where)
        for assignment in found.assignments:
            env[assignment.name] = _value(assignment, env, where, left)
            left -= len(env[assignment.name])


def _require_one_meaning(line: Line, where: str) -> None:
    """Refuse ``export A=1 B=$A``: B is then 1 in Apptainer's shell, and what A was before in other shells."""
    before: set[str] = set()
    for assignment in line.assignments:
        used = {part.name for part in assignment.parts if isinstance(part, Expansion)}
        if both := used & before:
            raise Refused(
                f"{where} sets {min(both)} and uses it, which not all shells do in the same way; it needs two lines"
            )
        before.add(assignment.name)


def _value(assignment: Assignment, env: dict[str, str], where: str, most: int) -> str:
    """Return the value of a variable. most: characters that it may have."""
    parts, length = [], 0
    for part in assignment.parts:
        text = part if isinstance(part, str) else _expanded(part, env, where)
        parts.append(text)
        length += len(text)
        if length > most:
            raise Refused(f"{where}: the variables of the image are too long")
    return "".join(parts)


def _expanded(part: Expansion, env: dict[str, str], where: str) -> str:
    """Return what replaces $NAME, ${NAME} or ${NAME:-default}: an unknown variable is empty, as in a shell."""
    if part.name not in env and _OF_JOB.fullmatch(part.name):
        raise Refused(f"{where} uses ${part.name}, which is known only when a job runs")
    value = env.get(part.name)
    unset = not value if part.or_empty else value is None
    return part.default if unset and part.default is not None else value or ""
