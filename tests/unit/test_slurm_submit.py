"""What Slurm and the launchers are told of a job, beside what was told before (tests/data/slurm).

``PYTHONPATH=.:tests python tests/unit/test_slurm_submit.py`` writes these files anew: look at their differences.
"""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.slurm_jobs import ENV, placed, spec

from pfcon.compute.slurm.bundle import OWN_CONFIG
from pfcon.compute.slurm.launchers import LAUNCHERS
from pfcon.compute.slurm.node_job import require_possible
from pfcon.compute.slurm.parsing import queue_rows
from pfcon.compute.slurm.settings import LauncherName, SlurmSettings
from pfcon.compute.slurm.spec import sbatch_words, script
from pfcon.errors import Refused
from pfcon.models import Resources

DATA = Path(__file__).parents[1] / "data" / "slurm"
FULL = SlurmSettings(
    partition="long,short",
    account="chris",
    qos="high",
    constraint="rack1&ssd",
    gres="gpu:a100",
    options=("--reservation=chris",),
)


def goldens() -> dict[str, str]:
    """The files by name."""
    found = {}
    for name, launcher in LAUNCHERS.items():
        files = launcher.files(placed(spec()))
        found[f"launch-{name}.sh"] = files["launch.sh"]
        if "config.json" in files and name in ("crun", "container"):
            found[f"config-{name}.json"] = json.dumps(json.loads(files["config.json"]), indent=1) + "\n"
        head = script(placed(spec()), SlurmSettings(launcher=name), Resources(cpu=1500, workers=2), 8)
        found[f"head-{name}.sh"] = head.partition("# shellcheck")[0]
    limits = Resources(cpu=1500, memory=300, gpus=2, time_limit=90)
    found["sbatch.txt"] = "\n".join(words(FULL, resources=limits)) + "\n"
    return found


def words(settings: SlurmSettings, **fields: Any) -> list[str]:
    job = spec(**fields)
    return sbatch_words(job, placed(job), settings)


@pytest.mark.parametrize("name", sorted(goldens()))
def test_what_is_made_of_a_job_is_as_it_was(name: str) -> None:
    assert goldens()[name] == (DATA / name).read_text(encoding="utf-8")


def test_there_are_no_goldens_of_what_is_not_made() -> None:
    assert {
        path.name for path in DATA.glob("*") if path.stem.split("-")[0] in ("launch", "config", "head", "sbatch")
    } == set(goldens())


@pytest.mark.parametrize("name", [name for name in sorted(goldens()) if name.endswith(".sh")])
def test_what_is_made_is_a_proper_script(name: str) -> None:
    subprocess.run(["sh", "-n"], input=goldens()[name].encode(), check=True)


@pytest.mark.parametrize("launcher", list(LAUNCHERS))
def test_no_option_of_sbatch_holds_anything_of_the_command_or_its_environment(launcher: LauncherName) -> None:
    text = " ".join(words(SlurmSettings(launcher=launcher)))
    assert "prog" not in text
    assert "TOKEN" not in text
    head = script(placed(spec()), SlurmSettings(launcher=launcher), Resources(), 8)
    assert "TOKEN" not in head


def test_without_limits_nothing_is_asked_for_but_a_core() -> None:
    asked = words(SlurmSettings())
    assert "--ntasks=1" in asked
    assert "--cpus-per-task=1" in asked
    assert not [word for word in asked if word.startswith(("--mem", "--gres", "--time", "--partition", "--account"))]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(cpu=1, memory=0), {"--cpus-per-task=1", "--mem=1M"}),  # --mem=0 would be all memory
        (Resources(cpu=1001, memory=64), {"--cpus-per-task=2", "--mem=64M"}),
        (Resources(workers=3, cpu=2000, memory=301), {"--ntasks=3", "--cpus-per-task=2", "--mem-per-cpu=151M"}),
        (Resources(gpus=2), {"--gres=gpu:2"}),
        (Resources(workers=2, gpus=1), {"--ntasks=2", "--gpus-per-task=1"}),
    ],
)
def test_limits_are_those_of_one_worker(resources: Resources, expected: set[str]) -> None:
    assert expected <= set(words(SlurmSettings(), resources=resources))


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        (Resources(gpus=2), ["--gres=gpu:a100:2,tmp:10G,licence:1"]),
        (Resources(), ["--gres=tmp:10G", "--gres=licence:1"]),
        (Resources(gpus=1, workers=2), ["--gpus-per-task=a100:1", "--gres=tmp:10G", "--gres=licence:1"]),
    ],
)
def test_other_generic_resources_of_the_site_do_not_replace_the_gpus_of_a_job(
    resources: Resources, expected: list[str]
) -> None:
    settings = SlurmSettings(gres="gpu:a100", options=("--gres=tmp:10G", "--exclusive", "--gres=licence:1"))
    asked = words(settings, resources=resources)
    assert [word for word in asked if "gres" in word or "gpus" in word] == expected
    assert "--exclusive" in asked


def test_labels_are_in_the_comment_behind_the_marker() -> None:
    labels = (("site", "A_b.c-1"), ("org.example/team", "neuro group"))
    for service, second in (("", ""), ("abc", " abc")):
        (comment,) = (word for word in words(SlurmSettings(), labels=labels, service=service) if "--comment=" in word)
        shown = "org.chrisproject.job_type=plugin,site=A_b.c-1,org.example/team=neuro group"
        assert comment == f"--comment=pfcon 5f{second} {shown}"
        (row,) = queue_rows(f"7|RUNNING|0|None|N/A|{comment.removeprefix('--comment=')}|\n")
        assert row.marker == "5f"


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [(None, "disk=ssd&zone.a=b"), ("fast|slow", "(fast|slow)&disk=ssd&zone.a=b")],
)
def test_labels_of_nodes_are_features(constraint: str | None, expected: str) -> None:
    settings = SlurmSettings(constraint=constraint, node_selector=(("disk", "ssd"), ("zone.a", "b")))
    assert f"--constraint={expected}" in words(settings)


def test_a_percent_sign_in_storebase_is_no_pattern() -> None:
    job = dataclasses.replace(placed(spec()), directory=PurePosixPath("/50%j/x"))
    assert "--output=/50%%j/x/slurm.log" in sbatch_words(spec(), job, SlurmSettings())


def test_the_bundle_gives_exactly_the_environment_of_image_and_job() -> None:
    process = json.loads(LAUNCHERS[LauncherName.CRUN].files(placed(spec()))["config.json"])["process"]
    own = [f"{key}={value}" for key, value in ENV]
    assert process["env"] == [
        "PATH=/opt/bin:/bin",
        *own,
        "PFCON_WORKERS=1",
        "PFCON_WORKER",
    ]  # the last one stands for more
    assert process["capabilities"]["bounding"] == []


@pytest.mark.parametrize("launcher", [LauncherName.ENROOT])
def test_values_of_several_lines_are_refused_where_a_launcher_would_cut_them(launcher: LauncherName) -> None:
    with pytest.raises(Refused, match="LINES"):
        LAUNCHERS[launcher].files(placed(spec(env=(("LINES", "one\ntwo"),))))


def test_names_that_a_shell_has_not_are_refused_where_a_shell_sets_them() -> None:
    job = placed(spec(env=(("a.b", "1"),)))
    assert "a.b=1" in LAUNCHERS[LauncherName.CRUN].files(job)["config.json"]
    with pytest.raises(Refused, match=r"a\.b"):
        LAUNCHERS[LauncherName.CHARLIECLOUD].files(job)


def test_a_variable_of_the_job_is_not_replaced_by_one_of_the_worker() -> None:
    job = placed(
        spec(env=(("PFCON_WORKER", "7"), ("JOB_COMPLETION_INDEX", "8"), ("SLURM_PROCID", "9"), ("PMIX_a", "")))
    )
    assert job.env["JOB_COMPLETION_INDEX"] == "8"
    assert "PFCON_WORKER" not in job.env  # job.sh adds it
    head = script(job, SlurmSettings(), Resources(), 8)
    assert "\nNUMBERS=PFCON_WORKER\nKEPT=SLURM_PROCID\n" in head


@pytest.mark.parametrize("server", ["", '/sp ool/"pmix"\\1'])
def test_a_worker_s_own_bundle_has_what_the_file_of_its_node_has(server: str, tmp_path: Path) -> None:
    """The mark of the variables, and what ends the mounts, are among the job's own words, too."""
    words = ("prog", 'PFCON_WORKER"], "cwd":', "PFCON_WORKER", '], "linux":')
    text = LAUNCHERS[LauncherName.CRUN].files(placed(spec(argv=words)))["config.json"]
    lines = ["PFCON_WORKER=1", 'X="a\\b"', *([f"PMIX_SERVER_TMPDIR={server}"] if server else [])]
    (tmp_path / "worker").write_text("".join(f"{line}\n" for line in lines))
    command = ["sh", "-c", f"json=$1\nset -- '' \"$2\"\n{OWN_CONFIG}", "sh", text, str(tmp_path)]
    subprocess.run(command, check=True)
    before, after = json.loads(text), json.loads((tmp_path / "config.json").read_text())
    assert after["process"].pop("env") == [*before["process"].pop("env")[:-1], *lines]
    own = [{"destination": server, "source": server, "options": ["rbind", "nosuid", "nodev"]}] if server else []
    assert after.pop("mounts") == [*before.pop("mounts"), *own]
    assert after == before


def test_the_script_of_variables_has_those_of_the_worker_whatever_their_values_are(tmp_path: Path) -> None:
    value = 'it\'s "a" $HOME `id` \\\\ = b'
    (tmp_path / "worker").write_text(f"PFCON_WORKER=1\nPMIX_A={value}\n")
    launch = LAUNCHERS[LauncherName.APPTAINER].files(placed(spec()))["launch.sh"]
    (line,) = (line for line in launch.splitlines() if line.startswith("sed ") and "env.sh" in line)
    run = f'set -- "" {tmp_path}\n{line}\n. {tmp_path}/env.sh\nprintf "%s" "$PFCON_WORKER $PMIX_A"'
    assert subprocess.run(["sh", "-c", run], check=True, capture_output=True, text=True).stdout == f"1 {value}"


def test_slurm_s_own_containers_have_one_worker() -> None:
    with pytest.raises(Refused, match=r"^number_of_workers: SLURM_LAUNCHER=container runs one worker, not 2$"):
        LAUNCHERS[LauncherName.CONTAINER].files(placed(spec(resources=Resources(workers=2))))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"argv": ()}, "command"),
        ({"argv": ("a\0b",)}, "character"),
        ({"argv": ("\ud800",)}, "character"),
        ({"env": (("A=B", ""),)}, "A=B"),
        ({"resources": Resources(workers=0)}, "number_of_workers"),
    ],
)
def test_what_cannot_be_run_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        require_possible(spec(**fields))


if __name__ == "__main__":
    for golden, text in goldens().items():
        (DATA / golden).write_text(text, encoding="utf-8")
    sys.exit(0)
