"""SLURM_LAUNCHER_COMMAND: the command line of a site's own launcher, and what it runs."""

import dataclasses
import itertools
import re
import subprocess
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.slurm.launchers import launcher_of
from pfcon.compute.slurm.node_job import Bind, NodeJob
from pfcon.compute.slurm.required import require_launcher
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.compute.slurm.template import PLACES, Template, template
from pfcon.errors import ConfigurationError, Refused

SHOW = "printf '<%s>\\n'"  # prints its arguments, one on each line
FULL = f"{SHOW} {{source}}:{{target}}:{{access}} {{gpus:--nv}} {{rootfs}} {{{{}}}} {{command}}"


def job(**fields: object) -> NodeJob:
    found = NodeJob(
        marker="5f",
        directory=PurePosixPath("/store/jobs/5f"),
        image="local/pl-x:1",
        rootfs=PurePosixPath("/store/images/it's"),
        argv=("prog", "a b", "$(id)"),
        env={"TOKEN": "$(id)\n`id`\nEND"},
        cwd="/work dir",
        binds=(
            Bind(PurePosixPath("/store/in"), PurePosixPath("/share/incoming"), read_only=True),
            Bind(PurePosixPath("/store/out"), PurePosixPath("/share/outgoing"), read_only=False),
        ),
        uid=1,
        gid=2,
        gpus=0,
        workers=1,
    )
    return dataclasses.replace(found, **fields)  # type: ignore[arg-type] # of each field's own type


def settings(text: str) -> SlurmSettings:
    return SlurmSettings(launcher=LauncherName.COMMAND, command=template(text))


def ran(text: str, tmp_path: Path, placed: NodeJob | None = None) -> list[str]:
    """What launch.sh prints as worker 1, with its program as in job.sh."""
    launcher = launcher_of(settings(text))
    files = launcher.files(placed or job())
    (tmp_path / "worker").write_text("PFCON_WORKER=1\n")
    script = tmp_path / "launch.sh"
    script.write_text(files["launch.sh"])
    words = ["sh", str(script), f"/usr/bin/{launcher.program}", str(tmp_path), "1"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


def test_each_place_is_one_word_whatever_its_value(tmp_path: Path) -> None:
    lines = ["</store/in:/share/incoming:ro>", "</store/out:/share/outgoing:rw>", "</store/images/it's>", "<{}>"]
    assert ran(FULL, tmp_path) == [*lines, "<prog>", "<a b>", "<$(id)>"]


def test_a_text_for_read_only_mounts_is_at_these_alone(tmp_path: Path) -> None:
    text = f"{SHOW} {{source}}:{{target}}{{ro::ro}} {{rootfs}} {{command}}"
    assert ran(text, tmp_path)[:2] == ["</store/in:/share/incoming:ro>", "</store/out:/share/outgoing>"]


def of_page(program: str) -> str:
    """The template of a runtime in docs/engines/slurm.md."""
    page = Path(__file__).parents[2].joinpath("docs/engines/slurm.md").read_text(encoding="utf-8")
    found = re.search(rf"SLURM_LAUNCHER_COMMAND='({program} [^']*)'", page)
    assert found
    return found[1]


@pytest.mark.parametrize(
    ("program", "words"),
    [
        # shifter(1): shifter.readthedocs.io, "shifter command", and VolumeMap.c: the only flag of users is `ro`
        (
            "shifter",
            "--image=docker:local/pl-x:1 --volume=/store/in:/share/incoming:ro --volume=/store/out:/share/outgoing "
            "prog 'a b' '$(id)'",
        ),
        # sarus.readthedocs.io, "User guide", and MountParser.cpp: a mount is writable without `readonly`
        (
            "sarus",
            "run --mount=type=bind,source=/store/in,destination=/share/incoming,readonly "
            "--mount=type=bind,source=/store/out,destination=/share/outgoing --workdir=/ local/pl-x:1 "
            "prog 'a b' '$(id)'",
        ),
    ],
)
def test_the_templates_of_the_page_are_the_command_lines_of_the_manuals(program: str, words: str) -> None:
    own = settings(of_page(program))
    require_launcher(own)
    placed = job(cwd="/", env={}, rootfs=PurePosixPath("/store/images/x"))
    last = launcher_of(own).files(placed)["launch.sh"].splitlines()[-1]
    assert last == f'exec "$1" {words}'


def test_a_worker_has_names_and_a_directory_of_its_own(tmp_path: Path) -> None:
    text = f"{SHOW} {{name}} {{hostname}} {{workdir}} {{cwd}} {{image}} {{source}}{{target}} {{command}}"
    assert ran(text, tmp_path)[:5] == ["<pfcon-5f-1>", "<job-1>", f"<{tmp_path}>", "</work dir>", "<local/pl-x:1>"]


def test_a_word_for_gpus_is_there_for_jobs_that_want_some(tmp_path: Path) -> None:
    assert ran(FULL, tmp_path, job(gpus=1))[2] == "<--nv>"
    without = launcher_of(settings(FULL.replace("{gpus:--nv}", "")))
    with pytest.raises(Refused, match="SLURM_LAUNCHER=command can't give GPUs"):
        without.files(job(gpus=1))


def test_variables_are_passed_on_and_no_shell_runs_them(tmp_path: Path) -> None:
    text = "env {command} {source}{target} {rootfs}"
    show = ("sh", "-c", 'printf %s "$TOKEN"', "sh")
    assert ran(text, tmp_path, job(argv=show)) == ["$(id)", "`id`", "END"]


def test_a_script_of_variables_sets_them_and_runs_none(tmp_path: Path) -> None:
    text = "env {command} {env_script} {source}{target} {rootfs}"
    read = ("sh", "-c", '. "$1"; printf %s "$TOKEN"', "sh")
    assert ran(text, tmp_path, job(argv=read)) == ["$(id)", "`id`", "END"]
    assert (tmp_path / "env.sh").stat().st_mode & 0o077 == 0


def test_lines_of_a_file_are_refused_where_a_value_has_several() -> None:
    with pytest.raises(Refused, match="TOKEN: its value has several lines"):
        launcher_of(settings(f"{FULL} {{env_file}}")).files(job())


def test_a_bundle_is_that_of_the_submitting_user_with_an_init_of_its_own() -> None:
    text = launcher_of(settings("oci run --bundle={bundle} {name}")).files(job())["config.json"]
    assert '"uidMappings": [{"containerID": 0, "hostID": 1, "size": 1}]' in text
    assert '{"type": "pid"}' in text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the first word must be a program"),
        ("{rootfs} {command} {source}{target}", "the first word must be a program"),
        ("run {roofts} {command}", "there is no place {roofts}; places: access, bundle, command"),
        ("run {rootfs} --x={command} {source}{target}", "--x={command}: {command} has to be a word of its own"),
        ("run {rootfs} {source}{target}", "it needs {command} as a word of its own"),
        ("run {rootfs} {command}", "it needs {source} and {target}"),
        ("run {rootfs} {target} {command}", "needs {source} and {target}, too"),
        ("run {rootfs} {source}:{target} {access} {command}", "needs {source} and {target}, too"),
        ("run {rootfs} {source}:{target} {command} {ro:x}", "needs {source} and {target}, too"),
        ("run {source}:{target} {command}", "it needs {rootfs}, {image} or {bundle}"),
        ("run {rootfs {command}", "a brace itself is written twice"),
        (f"{FULL} --x={{command}}", "--x={command}: {command} has to be a word of its own"),
        (f"{FULL} {{source}}:{{target}}{{gpus:--nv}}", "{gpus:WORD} can't be in a word with {source}"),
        (f"{FULL} {{rootfs!r}}", "{rootfs!r}: {rootfs} has neither a conversion nor a format"),
        (f"{FULL} {{gpus!s:--nv}}", "{gpus} has neither a conversion nor a format"),
        (f"{FULL} '{{env_file:>3}}'", "{env_file:>3}: {env_file} has neither a conversion nor a format"),
        (f"{FULL} {{source}}:{{target:x}}", "{target} has neither a conversion nor a format"),
        (f"{FULL} {{source}}:{{target}}:{{ro}}", "{ro} needs a text, {ro:TEXT}"),
        (f"{FULL} {{gpus}}", "{gpus} needs a text, {gpus:TEXT}"),
        (f"{FULL} {{gpus:--x={{rootfs}}}}", "the text of {gpus:TEXT} has neither braces nor places"),
    ],
)
def test_a_template_that_can_run_no_job_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        require_launcher(settings(text))
    assert f"SLURM_LAUNCHER_COMMAND: {why}" in str(caught.value).replace("{roofts {command}: ", "") or why in str(
        caught.value
    )


def test_a_template_that_is_accepted_can_be_filled_in_for_each_job() -> None:
    """Words of one place, and of each two."""
    names = [name.strip() for names in PLACES for name in names.partition(":")[0].split(",")]
    written = {name: f"{{{name}:x}}" if name in ("ro", "gpus") else f"{{{name}}}" for name in names}
    accepted = 0
    for first, second in itertools.product(names, repeat=2):
        own = settings(f"{FULL} {written[first]}{written[second]}")
        try:
            require_launcher(own)
        except ConfigurationError:
            continue
        accepted += 1
        for gpus in (0, 1):
            assert launcher_of(own).launch(job(gpus=gpus, shm=1, user=(1, 2), env={}))
    assert accepted > len(names)


def test_the_page_describes_every_place() -> None:
    page = Path(__file__).parents[2].joinpath("docs/engines/slurm.md").read_text(encoding="utf-8")
    for names, meaning in PLACES.items():
        row = ", ".join(f"`{{{name.strip()}}}`" for name in names.split(","))
        assert f"| {row} | {meaning} |" in page


def test_one_setting_without_the_other_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs SLURM_LAUNCHER_COMMAND"):
        require_launcher(SlurmSettings(launcher=LauncherName.COMMAND))
    with pytest.raises(ConfigurationError, match="SLURM_LAUNCHER must be `command`"):
        require_launcher(SlurmSettings(command=Template(("run",))))
