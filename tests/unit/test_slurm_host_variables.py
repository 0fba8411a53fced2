"""Variables of a job that a program of its node would read: they reach the container, and never its launcher."""

import dataclasses
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.slurm.host_variables import of_host
from pfcon.compute.slurm.launchers import LAUNCHERS, launcher_of
from pfcon.compute.slurm.node_job import DEFAULT_PATH, Bind, NodeJob
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.compute.slurm.template import template
from pfcon.errors import Refused

DANGEROUS = {
    "LD_PRELOAD": "/store/key-1/outgoing/own.so",
    "LD_LIBRARY_PATH": "/store/key-1/outgoing",
    "GLIBC_TUNABLES": "a=b",
    "PYTHONPATH": "/store/key-1/outgoing",
    "BASH_ENV": "/store/key-1/outgoing/x",
    "HOME": "/store/key-1/outgoing",
    "PATH": f"/store/key-1/outgoing:{DEFAULT_PATH}",
}
ENV = {**DANGEROUS, "TOKEN": "it's $HOME", "LINES": "one\n'two'"}
WITHOUT_FILE = "{program} {{source}}:{{target}} {{rootfs}} {{command}}"


def job(env: dict[str, str], *argv: str) -> NodeJob:
    return NodeJob(
        marker="5f",
        directory=PurePosixPath("/store/jobs/5f"),
        image="local/pl-x:1",
        rootfs=PurePosixPath("/store/images/x"),
        argv=argv or ("prog", "a b"),
        env=env,
        cwd="/",
        binds=(Bind(PurePosixPath("/store/in"), PurePosixPath("/share/incoming"), read_only=True),),
        uid=1,
        gid=2,
        gpus=0,
        workers=1,
    )


def test_which_variables_are_of_the_node() -> None:
    assert of_host(ENV) == DANGEROUS
    assert of_host({"PATH": "/usr/bin:/bin", "WORD": "x", "OLD_THING": "1", "PFCON_WORKERS": "1"}) == {}
    assert of_host({"PATH": "/bin:"}) == {"PATH": "/bin:"}  # an empty entry is the present directory


def own_variables(name: LauncherName, env: dict[str, str]) -> dict[str, str]:
    """What the launcher has as its own environment: what launch.sh exports before it becomes the launcher."""
    text = LAUNCHERS[name].files(job(env))["launch.sh"]
    exported = "".join(re.findall(r"^export [^=\n]+=(?:'[^']*'|\"[^\"]*\"|[^\s'\"])*\n", text, re.MULTILINE))
    shown = subprocess.run(
        ["env", "-i", "sh", "-c", f"{exported}exec /usr/bin/env -0"], capture_output=True, text=True, check=True
    ).stdout
    pairs = (entry.partition("=") for entry in shown.split("\0") if entry)
    return {key: value for key, _, value in pairs if key not in ("PWD", "SHLVL", "_")}


def test_charliecloud_has_values_of_several_lines_alone() -> None:
    found = own_variables(LauncherName.CHARLIECLOUD, ENV)
    assert found == {"USER": "root", "PATH": DEFAULT_PATH, "LINES": "one\n'two'"}


def test_podman_has_values_of_several_lines_alone() -> None:
    assert own_variables(LauncherName.PODMAN, ENV) == {"LINES": "one\n'two'"}


def test_charliecloud_gets_each_other_value_by_a_file_whose_quotes_it_removes() -> None:
    text = LAUNCHERS[LauncherName.CHARLIECLOUD].files(job({**ENV, "QUOTED": "'x'"}))["launch.sh"]
    lines = text.partition("<<'END_5f' || exit 125\n")[2].partition("END_5f\n")[0].splitlines()
    values = {**DANGEROUS, "TOKEN": "it's $HOME", "QUOTED": "'x'"}
    assert lines == [f"{key}='{value}'" for key, value in values.items()]
    assert "--env-no-expand '--unset-env=!(LINES)' " in text


@pytest.mark.parametrize("launcher", [LauncherName.CHARLIECLOUD, LauncherName.PODMAN])
def test_such_a_variable_with_several_lines_is_refused(launcher: LauncherName) -> None:
    with pytest.raises(Refused, match="can't set LD_PRELOAD"):
        LAUNCHERS[launcher].files(job({"LD_PRELOAD": "/a\n/b"}))


def ran(tmp_path: Path, env: dict[str, str], *argv: str) -> list[str]:
    """What a launcher of the site's own is run with: its own variables, then its words."""
    program = tmp_path / "launcher"
    program.write_text("#!/bin/sh\n/usr/bin/env -0\nprintf '%s\\0' -- \"$@\"\n")
    program.chmod(0o755)
    command = template(WITHOUT_FILE.format(program=program))
    text = launcher_of(SlurmSettings(launcher=LauncherName.COMMAND, command=command)).files(job(env, *argv))[
        "launch.sh"
    ]
    (tmp_path / "worker").write_text("PFCON_WORKER=1\n")
    (tmp_path / "launch.sh").write_text(text)
    words = ["env", "-i", "PATH=/usr/bin:/bin", "sh", str(tmp_path / "launch.sh"), str(program), str(tmp_path), "1"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def test_a_launcher_of_the_site_has_none_and_env_of_the_image_sets_them(tmp_path: Path) -> None:
    found = ran(tmp_path, ENV)
    own, words = found[: found.index("--")], found[found.index("--") + 1 :]
    assert {"TOKEN=it's $HOME", "LINES=one\n'two'", "PFCON_WORKER=1", "PATH=/usr/bin:/bin"} <= {*own}
    assert not [entry for entry in own if entry.partition("=")[0] in {*DANGEROUS} - {"PATH"}]
    assert words[2:] == ["env", *(f"{key}={value}" for key, value in DANGEROUS.items()), "prog", "a b"]


def test_without_such_variables_the_command_runs_as_it_is(tmp_path: Path) -> None:
    found = ran(tmp_path, {"PATH": DEFAULT_PATH, "WORD": "x"})
    assert f"PATH={DEFAULT_PATH}" in found
    assert found[found.index("--") + 3 :] == ["prog", "a b"]


@pytest.mark.parametrize("program", ["a=b", "-x"])
def test_a_command_that_env_would_misread_is_refused_by_name(tmp_path: Path, program: str) -> None:
    with pytest.raises(Refused, match=f"the command '{program}' can't run with the variable LD_PRELOAD: .*env_file"):
        ran(tmp_path, {"LD_PRELOAD": "/x"}, program)


def test_a_template_with_a_file_of_variables_needs_no_env_in_the_image() -> None:
    command = template(WITHOUT_FILE.format(program="run") + " {env_file}")
    placed = dataclasses.replace(job({"LD_PRELOAD": "/x"}), cwd="/")
    text = launcher_of(SlurmSettings(launcher=LauncherName.COMMAND, command=command)).files(placed)["launch.sh"]
    assert "\nLD_PRELOAD=/x\n" in text
    assert "export LD_PRELOAD" not in text
    assert " env " not in text
