"""What the inits of Docker and Podman say, and how an engine without one is found out."""

import json
import math
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from support.settings import compute_settings

from pfcon.compute.docker.engine import DockerEngine
from pfcon.compute.docker.state import end_code, image_and_command
from pfcon.compute.docker_api.init import lacking, missing, missing_of_docker
from pfcon.compute.runtimes import CODES, failure_in_log
from pfcon.errors import Refused
from pfcon.models import JobId, JobKind, JobSpec
from pfcon.paths import StoreBase
from pfcon.reasons import Reason

DATA = Path(__file__).parents[1] / "data"
TINI = "[FATAL tini (7)] exec {} failed: {}\n"
CATATONIT = "ERROR (catatonit:6): failed to exec pid1: {}\n"


@pytest.mark.parametrize("log", [TINI.format("cmd", "{}"), TINI.format("a\nb", "{}"), CATATONIT])
@pytest.mark.parametrize(
    ("said", "reason", "expected"),
    [
        ("No such file or directory", Reason.COMMAND_NOT_FOUND, "no such command in image img: cmd"),
        ("Permission denied", Reason.NOT_EXECUTABLE, "not executable in image img: cmd"),
        (
            "Exec format error",
            Reason.WRONG_ARCHITECTURE,
            "not executable in image img: cmd is for another type of processor, or a script without #! in its first "
            "line",
        ),
        ("Input/output error", Reason.ENGINE_FAULT, "the container could not be started: Input/output error"),
    ],
)
def test_what_an_init_could_not_run_is_told(log: str, said: str, reason: Reason, expected: str) -> None:
    why = failure_in_log(log.format(said), "img", "cmd")
    assert why
    assert (why.reason, why.message, why.interrupted) == (reason, expected, False)


@pytest.mark.parametrize(
    "log",
    [
        "",
        "exit\n",
        "begun\n" + CATATONIT.format("Permission denied"),  # the command has run, and wrote that itself
        TINI.format("cmd", "No such file or directory") + "more\n",
    ],
)
def test_a_log_of_a_command_that_ran_tells_nothing(log: str) -> None:
    assert failure_in_log(log, "img", "cmd") is None


# Docker 20.10; Podman 4.3; Podman 5.
@pytest.mark.parametrize(
    ("text", "podman"),
    [
        ('exec: "docker-init": executable file not found in $PATH', False),
        ("container-init binary not found on the host: stat /usr/libexec/podman/catatonit: no such file", True),
        ('lookup init binary: exec: "catatonit": executable file not found in $PATH', True),
    ],
)
def test_an_engine_without_an_init_is_found_out_by_its_refusal(text: str, podman: bool) -> None:
    assert lacking(text, podman=podman) == missing(podman=podman)
    assert ("catatonit" if podman else "docker-init") in missing(podman=podman)


class Calls:
    """An engine that has no init: Docker says so at the start, Podman when it is to make the container."""

    def __init__(self, *, podman: bool) -> None:
        self.podman = podman
        self.left: set[str] = set()

    def require_new_enough(self) -> None:
        pass

    def require_supported(self) -> None:
        pass

    def lacks_init(self) -> bool:
        return True

    def create(self, name: str, body: dict[str, Any]) -> str:
        assert body["HostConfig"]["Init"] is True
        if self.podman:
            raise Refused("the container engine refuses: container-init binary not found on the host")
        self.left.add(name)
        return name

    def start(self, container: str) -> None:
        raise Refused(f'the container engine refuses: exec: "docker-init": executable file not found ({container})')

    def remove(self, container: str) -> None:
        self.left.remove(container)


class Engine(DockerEngine):
    calls: Calls

    @property
    def _calls(self) -> Any:
        return self.calls


@pytest.mark.parametrize("podman", [False, True])
def test_an_engine_without_an_init_runs_nothing_and_says_what_to_install(storebase: StoreBase, podman: bool) -> None:
    settings = compute_settings(storebase=PurePosixPath(storebase.root), volume_type="host")
    engine = Engine(settings, settings.own, storebase.root)
    engine._checked_until = math.inf  # of storeBase
    engine.calls = Calls(podman=podman)
    spec = JobSpec("j", JobId("j"), JobKind.PLUGIN, "fnndsc/pl-x", ("true",))
    for ask in (engine.check, lambda: engine.schedule(spec)):
        with pytest.raises(Refused, match="no catatonit .*: catatonit" if podman else "no docker-init .*: tini"):
            ask()
    assert engine.calls.left == set()


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_no_other_refusal_is_taken_for_that(engine: str) -> None:
    recorded: dict[str, Any] = json.loads((DATA / "docker" / f"{engine}-errors.json").read_text())
    for found in filter(None, recorded.values()):
        texts = found if isinstance(found, list) else [found["text"]]
        assert not [text for text in texts if lacking(str(text), podman=engine == "podman")]


def test_docker_says_by_its_version_whether_it_has_one() -> None:
    assert missing_of_docker({"InitBinary": "docker-init", "InitCommit": {"ID": "N/A", "Expected": "N/A"}})
    assert not missing_of_docker({"InitBinary": "docker-init", "InitCommit": {"ID": "de40ad0"}})
    assert not missing_of_docker({"InitBinary": "docker-init", "InitCommit": {"ID": ""}})  # Debian's names none
    assert not missing_of_docker({})


def test_only_a_container_that_has_run_and_ended_may_tell() -> None:
    lives: dict[str, Any] = json.loads((DATA / "docker" / "docker-inspects.json").read_text())
    codes = {label: end_code(found) for label, found in lives.items()}
    assert codes["running"] is None
    assert codes["created"] is None
    assert set(codes.values()) & {3}
    assert image_and_command(lives["running"])[1] == "sleep"
    assert 137 not in CODES
