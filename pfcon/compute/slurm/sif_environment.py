"""The variables that a definition file of Apptainer sets (``%environment``), which a SIF image has as shell scripts.

The scripts are of the image, so pfcon runs none of them: it reads assignments of texts and of other variables, such as
``export PATH=/opt/x/bin:$PATH``, and refuses all other shell code.
"""

import re
from pathlib import Path

from pfcon.compute.slurm.node_job import DEFAULT_PATH
from pfcon.compute.slurm.sif import Sif
from pfcon.errors import Refused

_DIRECTORY = ".singularity.d/env"
_OF_OCI = "10-docker2singularity.sh"  # the variables of the OCI image, for files without its configuration
# Apptainer's own scripts, which set nothing that a job needs: the same in each image.
_OWN = re.compile(r"(?:01-base|94-appsbase|95-apps|99-base|99-runtimevars)\.sh")
_LONGEST = 256 * 1024  # bytes of a script
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_EXPANSION = rf"\$(?:{_NAME}|\{{{_NAME}(?::?-(?:\"[^\"\\$`]*\"|[^\"'\\$`{{}}\s]*))?\}})"
_WORD = rf"""(?:'[^']*'|"(?:[^"\\$`]|\\[\\"$`]|{_EXPANSION})*"|[^\s'"\\$`;&|<>()*?~#\[\]{{}}]|\\[^\n]|{_EXPANSION})*"""
_PIECE = re.compile(
    rf"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\$`]|\\[\\"$`]|{_EXPANSION})*)"|\\(?P<escaped>.)|(?P<expansion>{_EXPANSION})"""
    r"""|(?P<plain>.)""",
    re.DOTALL,
)
_LINE = re.compile(rf"(?P<export>export\s+)?(?P<assignments>{_NAME}={_WORD}(?:\s+{_NAME}={_WORD})*)\s*;?\s*(?:#.*)?")
_EXPORT = re.compile(rf"export(?:\s+{_NAME})+\s*;?\s*(?:#.*)?")
_ASSIGNMENT = re.compile(rf"(?P<name>{_NAME})=(?P<word>{_WORD})")
_IN_DOUBLE = re.compile(rf"\\(?P<escaped>[\\\"$`])|(?P<expansion>{_EXPANSION})|(?P<plain>.)", re.DOTALL)
_REFERENCE = re.compile(rf"\$\{{?(?P<name>{_NAME})(?P<operator>:?-)?(?P<default>.*?)\}}?", re.DOTALL)
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
    for number, line in enumerate(script.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#") or _EXPORT.fullmatch(text):
            continue
        found = _LINE.fullmatch(text)
        if not found:
            raise Refused(
                f"line {number} of {script.name} in the image is shell code that pfcon does not run "
                f"({text[:60]!r}); its %environment may only set variables"
            )
        for assignment in _ASSIGNMENT.finditer(found["assignments"]):
            env[assignment["name"]] = _value(assignment["word"], env, f"line {number} of {script.name} in the image")


def _value(word: str, env: dict[str, str], where: str) -> str:
    """Return the value of a word of the shell."""
    found = ""
    for piece in _PIECE.finditer(word):
        if piece["double"] is not None:
            for inner in _IN_DOUBLE.finditer(piece["double"]):
                found += inner["escaped"] or inner["plain"] or _expanded(inner["expansion"], env, where)
        elif piece["expansion"]:
            found += _expanded(piece["expansion"], env, where)
        else:
            found += piece["single"] or piece["escaped"] or piece["plain"] or ""
    return found


def _expanded(text: str, env: dict[str, str], where: str) -> str:
    """Return what replaces $NAME, ${NAME} or ${NAME:-default}: an unknown variable is empty, as in a shell."""
    found = _REFERENCE.fullmatch(text)
    assert found  # noqa: S101 - _EXPANSION has matched
    name = found["name"]
    if name not in env and _OF_JOB.fullmatch(name):
        raise Refused(f"{where} uses ${name}, which is known only when a job runs")
    value = env.get(name, "")
    use_default = found["operator"] and (not value if found["operator"] == ":-" else name not in env)
    return found["default"].strip('"') if use_default else value
