"""The variables that the scripts of a SIF image set, which pfcon reads and never runs."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from pfcon.compute.slurm.node_job import DEFAULT_PATH
from pfcon.compute.slurm.sif import Sif
from pfcon.compute.slurm.sif_environment import environment
from pfcon.errors import Refused


def variables(directory: Path, script: str, name: str = "90-environment.sh") -> dict[str, str]:
    """What a script in an image's directory sets, of an OCI image with A=1."""
    scripts = directory / ".singularity.d/env"
    scripts.mkdir(parents=True)
    scripts.joinpath("95-apps.sh").write_text("if true; then X=1; fi\n")
    scripts.joinpath(name).write_bytes(script.encode())
    return dict(text.split("=", 1) for text in environment(directory, Sif(0, ("A=1",))))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("export X=/opt/x", "/opt/x"),
        ("  X='a $A'; ", "a $A"),
        ('export X="$A and ${A}" # why', "1 and 1"),
        ("export X=$A:$NOWHERE", "1:"),
        ('export X="${NOWHERE:-"a b"}"', "a b"),
        ("export X=${A:-2}", "1"),
        (r'X="\$A \"q\" \\"', '$A "q" \\'),
        (r"X=a\ b", "a b"),
        ("Y=2 X=3", "3"),
        ("# X=2\n\nX=\nexport X Y", ""),
        ("export X=$PATH", DEFAULT_PATH),
        ('export X="x"#y', "x#y"),
        ("X=#y", "#y"),
        ("X=y;# why", "y"),
        ("Y=2 X=$Y", "2"),
        ("export X=\xa0\x85\u2028\x0by\x0c", "\xa0\x85\u2028\x0by\x0c"),
    ],
)
def test_assignments_have_the_values_that_a_shell_gives_them(tmp_path: Path, line: str, value: str) -> None:
    assert variables(tmp_path, f"#!/bin/sh\n{line}\n")["X"] == value


@pytest.mark.parametrize(
    "line",
    [
        'export X="a"\'b\'\\ c$A${A}"${A-d}"#e A=3',
        "X=a#b Y=c; # d",
        "A=5 X=$A$A",
        'export X="#" Y="${N:-"d e"}" Z=${N-f}; #',
        "X=${A:-1}\tY=a\x0bb",
    ],
)
def test_a_shell_sets_the_same(tmp_path: Path, line: str) -> None:
    shown = subprocess.run(
        ["sh", "-c", f'{line}\nprintf \'%s|\' "$A" "$X" "$Y" "$Z"'],
        env={**os.environ, "A": "1", "Y": "", "Z": ""},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = variables(tmp_path, f"{line}\n")
    assert "".join(f"{found.get(name, '')}|" for name in "AXYZ") == shown


def test_a_line_that_shells_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"line 1 of .* sets A and uses it, which not all shells do in the same way"):
        variables(tmp_path, "export A=1 B=$A\n")


@pytest.mark.parametrize("end", ["; export X=1", '"', "$(id)", "'", "${", ' "${A:-"'])
def test_a_long_line_takes_no_time_whatever_its_end(tmp_path: Path, end: str) -> None:
    paths = ":".join(f"$TOOLKIT_{number}/lib:${{TOOLKIT_{number}:-x}}/lib" for number in range(30))
    begun = time.monotonic()
    with pytest.raises(Refused, match="shell code that pfcon does not run"):
        variables(tmp_path, f'export LD_LIBRARY_PATH={paths}:"{paths}"{end}\n')
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize(
    "script",
    ["X=0123456789\n" + "X=$X$X\n" * 40, "X=" + "a" * 30_000 + "\nY=" + "$X" * 15_000],
    ids=["doubled", "repeated"],
)
def test_variables_that_grow_without_end_are_refused(tmp_path: Path, script: str) -> None:
    with pytest.raises(Refused, match="the variables of the image are too long"):
        variables(tmp_path, script)


def test_a_line_of_unusual_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"line 1 of .* is too long to be read"):
        variables(tmp_path, f"X={'a' * 40_000}\n")


@pytest.mark.parametrize(
    "line",
    [
        "X=$(id)",
        "X=`id`",
        ". /opt/conda/etc/profile.d/conda.sh",
        "if [ -d /x ]; then X=1; fi",
        "X=1; id",
        "X=a*",
        "X=~/a",
        "unset A",
        'X="a',
        "export X=1 && id",
        'X="${A%x}"',
        "export X=1 B#y",
        "X=1\r",
        "X=1;;",
        "X=$",
        "X=1 B",
        "export",
    ],
)
def test_other_shell_code_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    with pytest.raises(Refused, match=r"line 2 of 90-environment\.sh in the image is shell code that pfcon does not"):
        variables(tmp_path, f"#!/bin/sh\n{line}\n")


def test_what_is_known_only_when_a_job_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"uses \$HOME, which is known only when a job runs"):
        variables(tmp_path, "export X=$HOME/x\n")


def test_no_script_is_read_through_a_link_out_of_the_image(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    variables(outside, "X=1\n")
    rootfs = tmp_path / "rootfs"
    rootfs.mkdir()
    (rootfs / ".singularity.d").symlink_to(outside / ".singularity.d")
    assert environment(rootfs, Sif(0, ("A=1",))) == [f"PATH={DEFAULT_PATH}", "A=1"]
