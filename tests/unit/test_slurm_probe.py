"""What the probe job of `pfcon check` says of an oci.conf(5), with a `scontrol` of several releases."""

import subprocess
from pathlib import Path

import pytest

from pfcon.compute.slurm.probe import findings
from pfcon.compute.slurm.spec import body, header

GUIDE = {  # as in Slurm's "Containers Guide"
    "crun": 'RunTimeRun="crun --rootless=true --root=/run/user/%U/ run --bundle %b %n.%u.%j.%s.%t"',
    "runc": 'RunTimeRun="runc --rootless=true --root=/run/user/%U/ run %n.%u.%j.%s.%t -b %b"',
    "nvidia": 'RunTimeRun="nvidia-container-runtime --rootless=true --root=/run/user/%U/ run %n.%u.%j.%s.%t -b %b"',
    "create": 'RunTimeCreate="crun --rootless=true --root=/run/user/%U/ create --bundle %b %n.%u.%j.%s.%t"',
    "charliecloud": 'RunTimeRun="env -i PATH=/usr/bin USER=$(whoami) ch-run -w --set-env=%e --no-passwd %r -- %@"',
    "enroot": 'RunTimeRun="/usr/local/bin/enroot-start-wrapper %b %m %e -- %@"',
    "apptainer": 'RunTimeRun="apptainer oci run --bundle %b %n.%u.%j.%s.%t"',
}


def missing(directory: Path, release: str, text: str | None) -> list[str]:
    """What the node lacks for SLURM_LAUNCHER=container, with an oci.conf of this text."""
    scontrol = directory / "bin/scontrol"
    scontrol.parent.mkdir()
    scontrol.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "slurm-wlm {release}" || echo "SLURM_CONF = {directory}/slurm.conf"\n'
    )
    scontrol.chmod(0o755)
    if text is not None:
        (directory / "oci.conf").write_text(f"# RunTimeRun is below\n{text}\n")
    script = header({"JOB": str(directory), "PROGRAM": ""}) + f"PATH={scontrol.parent}:$PATH\n{body('probe.sh')}"
    subprocess.run(["sh"], input=script, text=True, check=True, timeout=30)
    _, lacking = findings((directory / "found").read_text(), "", "")
    return [what for what in lacking if "oci.conf" in what]


@pytest.mark.parametrize(
    ("release", "name"),
    [("22.05.8", "crun"), ("24.11.5", "crun"), ("24.11.5", "runc"), ("26.05.5", "runc"), ("25.05.0", "nvidia")],
)
def test_what_runs_jobs_is_accepted(tmp_path: Path, release: str, name: str) -> None:
    assert missing(tmp_path, release, GUIDE[name]) == []


@pytest.mark.parametrize(
    ("release", "name", "why"),
    [
        ("22.05.8", "runc", "its oci.conf runs runc, which refuses a bundle whose rootfs is a link"),
        ("24.05.4", "nvidia", "its oci.conf runs nvidia-container-runtime, which refuses a bundle"),
        ("22.05.8", "create", "its oci.conf has RunTimeCreate, with which no job ends on Slurm 22.05 and 24.11"),
        ("24.11.5", "create", "its oci.conf has RunTimeCreate, with which no job ends on Slurm 22.05 and 24.11"),
        ("24.11.5", "charliecloud", "its oci.conf runs ch-run, which ignores the mounts of a job's bundle"),
        ("24.11.5", "enroot", "its oci.conf runs enroot-start-wrapper, which ignores the mounts"),
        ("24.11.5", "apptainer", "its oci.conf runs apptainer, which ignores the mounts"),
    ],
)
def test_what_does_not_is_refused_by_name_and_reason(tmp_path: Path, release: str, name: str, why: str) -> None:
    (found,) = missing(tmp_path, release, GUIDE[name])
    assert why in found


def test_without_a_file_jobs_would_run_outside_of_any_container(tmp_path: Path) -> None:
    (found,) = missing(tmp_path, "24.11.5", None)
    assert "outside of any container" in found
