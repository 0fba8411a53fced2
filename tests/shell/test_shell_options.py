"""What the scripts accept, and how they refuse the rest."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.shell import REPOSITORY, Bash, run

from pfcon.compute.engines import ENGINES
from pfcon.storage.storages import STORAGES

SCRIPTS = ["make.sh", "unmake.sh"]
SOURCED = ("lib.sh", "generation.sh", "inside.sh", "slurm_accounting.sh")  # parts of the others
ENGINE_SCRIPTS = sorted(path.name for path in (REPOSITORY / "tests/engines").glob("*.sh") if path.name not in SOURCED)
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def call(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Call a script of a copy of the repository: one that took a wrong option would work on the real one."""
    copy = tmp_path_factory.mktemp("scripts")
    for name in SCRIPTS:
        shutil.copy(REPOSITORY / name, copy)
    for name in ("dev", "tests/engines"):
        shutil.copytree(REPOSITORY / name, copy / name)
    return lambda script, *words: run(copy / script, *words, cwd=Path("/"))


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-N", "-F", "zipfile"], "take -F filesystem, fslink, swift or s3"),
        (["-F", "fslink"], "add -N"),
        (["-F", "filesystem"], "add -N"),
        (["-F", "swift"], "add -N"),
        (["-F", "s3"], "add -N"),
        (["-F", "tape"], "accepts zipfile, and with -N filesystem, fslink, swift and s3"),
        (["-O", "kubernetes", "-N"], "no store for -F swift is started there; take -F fslink or filesystem"),
        (["-O", "openshift", "-N", "-F", "s3"], "use one of your own as kubernetes/README.md tells"),
        (["-O", "cromwell"], "for cromwell see docs/engines/cromwell.md"),
        (["-O", "lsf"], "accepts docker, podman, swarm, kubernetes, openshift, slurm, htcondor and process"),
        (["-p", "0"], "a port from 1 to 65535"),
        (["-p", "65536"], "a port from 1 to 65535"),
        (["-p", "5005x"], "a port from 1 to 65535"),
        (["-S", ""], "needs a directory"),
        (["-S", "/tmp/a:b"], "can't have ':'"),
        (["-O"], "-O needs a value"),
        (["-x"], "unknown option -x"),
        (["-U", "docker"], "unexpected 'docker'"),
    ],
)
def test_an_option_that_cannot_be_served_ends_with_status_2_and_says_what_there_is(
    call: Call, script: str, words: list[str], told: str
) -> None:
    done = call(script, *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.startswith(f"{script}: ")
    assert done.stdout == ""


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_help_lists_every_option_and_does_nothing(call: Call, script: str, word: str) -> None:
    done = call(script, word)
    assert done.returncode == 0
    for option in ("-O ENGINE", "-S DIR", "-F NAME", "-N", "-p PORT", "-U", "-i", "-s", "-h"):
        assert option in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("script", ENGINE_SCRIPTS)
def test_an_engine_script_without_a_subcommand_says_which_there_are(call: Call, script: str) -> None:
    done = call(f"tests/engines/{script}")
    assert done.returncode == 2
    assert f"usage: {script} install|start|stop" in done.stderr


@pytest.mark.parametrize("name", [name for engine in ENGINES.built_in for name in (engine.name, *engine.aliases)])
def test_no_engine_of_pfcon_is_unknown_to_the_scripts(bash: Bash, name: str) -> None:
    """Those that make.sh can't start pfcon with are refused by name, with where to read more."""
    done = bash(f". dev/options.sh; need_engine {name} && echo accepted")
    assert done.stdout == "accepted\n" or f"for {name} see docs/engines/{name}.md" in done.stderr


@pytest.mark.parametrize("name", [storage.name for storage in STORAGES.built_in])
def test_the_scripts_accept_every_storage_of_pfcon(bash: Bash, name: str) -> None:
    assert bash(f". dev/options.sh; need_storage {name}").returncode == 0
