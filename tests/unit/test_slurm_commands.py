"""The one runner of Slurm's commands: its bounds, its prefix, and what failures mean."""

import os
import time
from pathlib import Path

import pytest

from pfcon.compute.slurm.commands import Commands, error_of, require_tools
from pfcon.compute.slurm.probe import findings
from pfcon.compute.unanswered import NoAnswer
from pfcon.errors import ConfigurationError, Refused
from pfcon.testing.waiting import PATIENCE, eventually


def program(directory: Path, name: str, text: str) -> str:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory whose programs are found first."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_a_command_gets_stdin_and_gives_its_output(on_path: Path) -> None:
    program(on_path, "sbatch", 'echo "$@"; cat')
    assert Commands().run(["sbatch", "--parsable"], stdin="script\n") == "--parsable\nscript\n"


def test_nothing_of_the_service_s_environment_becomes_an_option(on_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SBATCH_PARTITION", "SLURM_PARTITION", "PFCON_PASSWORD"):
        monkeypatch.setenv(name, "not-for-slurm")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm/other.conf")
    program(on_path, "squeue", "env")
    found = Commands().run(["squeue"])
    assert "not-for-slurm" not in found
    assert "SLURM_CONF=/etc/slurm/other.conf" in found
    assert "TZ=UTC" in found


def test_a_command_that_hangs_is_ended_with_all_that_it_started(on_path: Path) -> None:
    program(on_path, "squeue", f"sleep 300 & echo $! >{on_path}/pid; wait")
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match=r"squeue has not answered in 5 s") as caught:
        Commands(timeout=5).run(["squeue"])
    assert caught.value.may_have_arrived
    assert time.monotonic() - begun < PATIENCE
    pid = int(on_path.joinpath("pid").read_text())
    assert eventually(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    try:
        return b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def test_a_prefix_comes_before_every_command(tmp_path: Path) -> None:
    prefix = program(tmp_path, "prefix", 'echo "prefixed"; exec "$@"')
    assert Commands((prefix,)).run(["echo", "a  b"]) == "prefixed\na  b\n"
    assert Commands((prefix,)).remote


def test_ssh_hands_one_line_to_a_shell_and_every_word_arrives(tmp_path: Path) -> None:
    ssh = program(tmp_path, "ssh", 'shift; exec sh -c "$*"')
    words = ["printf", "%s\\n", "a  b", "it's", "$HOME", "x|y;z", "--Format=JobID:|,State:|"]
    assert Commands((ssh, "login1")).run(words).splitlines() == words[2:]


def test_a_command_that_is_not_installed_is_told_with_its_package(
    on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    with pytest.raises(NoAnswer, match=r"no-such-tool is not installed"):
        Commands().run(["no-such-tool"])
    assert "Debian package: slurm-client" in str(error_of("sbatch", 127, ""))


def test_pfcon_does_not_start_without_slurm_s_commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"sbatch, squeue, scancel, scontrol; install them .*slurm-client"):
        require_tools(())
    require_tools(("ssh", "login1"))


def test_a_prefix_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(NoAnswer, match="/no/such/ssh") as caught:
        Commands(("/no/such/ssh",)).run(["squeue"])
    assert not caught.value.may_have_arrived


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)", False),
        ("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation", True),
        ("sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received", True),
        ("sbatch: error: If munged is up, restart with --num-threads=10\nsbatch: error: Munge encode failed", False),
        ("sbatch: fatal: Could not establish a configuration source", False),
        ("sbatch: error: Slurm backup controller in standby mode", True),
    ],
)
def test_a_controller_that_is_away_is_no_refusal(text: str, sent: bool) -> None:
    fault = error_of("sbatch", 1, text)
    assert isinstance(fault, NoAnswer)
    assert fault.may_have_arrived is sent


@pytest.mark.parametrize(
    "reason",
    [
        "Batch job submission failed: Requested node configuration is not available",
        "invalid partition specified: nowhere",
        "Batch job submission failed: Invalid account or account/partition combination specified",
        "Invalid generic resource (gres) specification",
        "Batch job submission failed: Job violates accounting/QOS policy",
    ],
)
def test_a_refusal_is_told_in_slurm_s_words(reason: str) -> None:
    fault = error_of("sbatch", 1, f"sbatch: error: {reason}\n")
    assert isinstance(fault, Refused)
    assert str(fault) == reason


@pytest.mark.parametrize("program_", ["squeue", "scontrol", "scancel", "sacct", "id"])
def test_a_question_that_fails_tells_nothing_of_a_job(program_: str) -> None:
    assert isinstance(error_of(program_, 1, "whatever it was"), NoAnswer)


def test_a_registry_that_is_away_is_not_slurm_s_silence() -> None:
    fault = error_of("skopeo", 1, "pinging container registry: dial tcp 127.0.0.1:5000: connect: connection refused")
    assert isinstance(fault, Refused)
    assert str(fault).startswith("pinging container registry")


@pytest.mark.parametrize("program_", ["sbatch", "squeue", "skopeo", "umoci"])
def test_a_login_node_that_is_away_is_unreachable(program_: str) -> None:
    fault = error_of(program_, 255, "ssh: connect to host login1 port 22: No route to host")
    assert isinstance(fault, NoAnswer)
    assert not fault.may_have_arrived


def test_a_probe_names_what_its_node_lacks() -> None:
    node, missing = findings("program\ninit\nnamespaces\nnode n1\n", "podman", "podman")
    assert node == "node n1"
    assert missing[0] == "podman (Debian package: podman)"
    assert "catatonit" in missing[1]
    assert "user namespaces" in missing[2]
