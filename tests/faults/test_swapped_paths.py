"""A job swaps a directory of its outputs with a link to the host, while others are posted that mount what is below."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from support.engines import podman_rootless_url
from support.kubernetes import CLAIM, NAMESPACE, kubernetes_harness
from support.live import JOB_FIELDS, Api, LiveServer, new_jid
from support.serving import URLS
from support.slurm import slurm_environ

from pfcon.testing.waiting import checks, eventually

ENGINES = [
    pytest.param(name, marks=pytest.mark.engine(name))
    for name in ("docker", "podman", "podman-rootless", "swarm", "slurm", "kubernetes")
]
on_docker = pytest.mark.parametrize("race", ENGINES[:1], indirect=True)  # what pfcon does is the same for all
POSTS = 6  # of each of the forms below
SWAPS = 2000
SECRET = "of the host"
FORMS = [
    ("{feed}/x", "{own}"),
    ("{feed}/x/in", "{own}"),
    ("{inputs}", "{feed}/x"),
    ("{inputs}", "{feed}/x/in"),
]  # inputs and outputs
SPY = 'touch "$1/escaped"; cat "$0"/secret "$0"/in/secret "$1"/secret'  # $0: the input directory, $1: that for outputs
SWAP = """
import ctypes, os, sys
os.chdir(sys.argv[-1])
os.makedirs("x/in")
os.symlink(os.environ["AWAY"], "y")
swap, count = ctypes.CDLL(None, use_errno=True).renameat2, 0
while count % 2 or not os.path.exists("stop"):
    for _ in range(101):
        if swap(-100, b"x", -100, b"y", 2):  # AT_FDCWD, RENAME_EXCHANGE
            raise OSError(ctypes.get_errno(), "renameat2")
        count += 1
    with open("swaps.new", "w") as file:
        file.write(str(count))
    os.rename("swaps.new", "swaps")
"""


@dataclass
class Race:
    """A server with storage filesystem, and a directory of the host that no job may reach."""

    server: LiveServer
    away: Path
    home: str
    jids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api = Api(self.server.url)
        self.feed = f"{self.home}/feed_1"  # the swapping job's outputs, relative to storeBase
        self.inputs = f"{self.home}/inputs"
        (self.server.storebase / self.inputs).mkdir(parents=True)
        (self.away / "in").mkdir()
        for path in (self.away / "secret", self.away / "in/secret"):
            path.write_text(SECRET)
        for path in (self.away, self.away / "in"):
            path.chmod(0o777)

    def post(self, input_dir: str, output_dir: str, **fields: Any) -> tuple[str, requests.Response]:
        """A job that tells what its mounts show; its jid, and the answer to its POST."""
        places = {"input_dirs": [input_dir], "output_dir": output_dir}
        fields = {**JOB_FIELDS, "args": [SPY], **places, **fields}
        jid = new_jid()
        answer = self.api.post("jobs/", {"jid": jid, **fields})
        if answer.status_code == 201:
            self.jids.append(jid)
        return jid, answer

    def swap(self) -> str:
        """Begin the job that swaps; its jid."""
        program = {"entrypoint": ["python3", "-c"], "args": [SWAP], "env": [f"AWAY={self.away}"]}
        jid, answer = self.post(self.inputs, self.feed, **program)
        assert answer.status_code == 201, answer.text
        assert eventually(lambda: self.swaps() > 0), self.api.get(f"jobs/{jid}/").text
        return jid

    def swaps(self) -> int:
        """How often x and y have changed places."""
        told = self.server.storebase / self.feed / "swaps"
        return int(told.read_text()) if told.exists() else 0

    def escapes(self) -> list[str]:
        """What the jobs that were taken have read or written where they may not; waits for their ends."""
        found = []
        for jid in self.jids[1:]:
            if SECRET in self.api.wait(jid)["logs"]:
                found.append(f"{jid} read")
        return found + [f"written: {path}" for path in self.away.rglob("escaped")]

    def clean_up(self) -> None:
        """Remove all jobs."""
        for jid in self.jids:
            self.api.delete(f"jobs/{jid}/")


def cluster_environ(engine: str, stack: ExitStack) -> tuple[dict[str, str], Path]:
    """The settings that name an engine, and a storeBase that it sees."""
    if engine == "kubernetes":
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        harness = kubernetes_harness(engine, directory)
        kind = {"COMPUTE_VOLUME_TYPE": "kubernetes_pvc", "JOB_NAMESPACE": NAMESPACE, "VOLUME_NAME": CLAIM}
        return {**kind, "KUBECONFIG": harness.kubeconfig}, harness.storebase.root
    name = stack.enter_context(tempfile.TemporaryDirectory(prefix="pfcon-faults-", ignore_cleanup_errors=True))
    Path(name).chmod(0o755)
    storebase = Path(name, "storeBase")
    storebase.mkdir()
    if engine == "slurm":
        return slurm_environ(), storebase
    url = {**URLS, "podman-rootless": podman_rootless_url}[engine]()
    return {"DOCKER_HOST": url}, storebase


@pytest.fixture(params=ENGINES)
def race(request: pytest.FixtureRequest) -> Iterator[Race]:
    """On each of the engines that mount directories."""
    with ExitStack() as stack:
        environ, storebase = cluster_environ(request.param, stack)
        kind = request.param.removesuffix("-rootless")
        environ = {"CONTAINER_ENV": kind, "PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem", **environ}
        away = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pfcon-away-")))
        server = stack.enter_context(LiveServer(storebase, environ))
        race = Race(server, away, f"home/{new_jid()}")
        stack.callback(race.clean_up)
        yield race


def test_no_job_mounts_what_another_one_swaps(race: Race) -> None:
    swapping = race.swap()
    answers = []
    for number in range(POSTS):
        for input_dir, output_dir in FORMS:
            names = {"inputs": race.inputs, "feed": race.feed, "own": f"{race.home}/own_{number}"}
            answers.append(race.post(input_dir.format(**names), output_dir.format(**names))[1])
    assert eventually(lambda: race.swaps() >= SWAPS)
    (race.server.storebase / race.feed / "stop").touch()
    assert race.escapes() == []
    assert {answer.status_code for answer in answers} == {409}
    assert all(f"job {swapping} " in answer.json()["message"] for answer in answers)
    assert sorted(path.name for path in race.away.rglob("*")) == ["in", "secret", "secret"]


@on_docker
def test_a_directory_above_what_a_job_mounts_is_no_output_directory_until_it_ends(race: Race) -> None:
    """Its engine may mount it later, on another machine."""
    inputs = f"{race.home}/feed_1/x/in"
    (race.server.storebase / inputs).mkdir(parents=True)
    waiting, answer = race.post(inputs, f"{race.home}/own", args=['until test -e "$1/go"; do sleep 0.1; done'])
    assert answer.status_code == 201, answer.text
    for above in (race.feed, inputs):
        answer = race.post(race.inputs, above)[1]
        assert (answer.status_code, f"job {waiting} " in answer.json()["message"]) == (409, True), answer.text
    (race.server.storebase / race.home / "own/go").touch()
    assert any(race.post(race.inputs, race.feed)[1].status_code == 201 for _ in checks())


@on_docker
def test_what_an_ended_job_left_is_refused_and_its_true_directories_are_taken(race: Race) -> None:
    race.swap()
    (race.server.storebase / race.feed / "stop").touch()
    for _ in checks():  # nobody asks for the swapping job: pfcon itself has to see that it has ended
        jid, answer = race.post(f"{race.feed}/x/in", f"{race.home}/own")
        if answer.status_code == 201:
            break
        assert answer.status_code == 409, answer.text
    assert SECRET not in race.api.wait(jid)["logs"]
    for place in (f"{race.feed}/y", f"{race.feed}/y/in"):
        answer = race.post(race.inputs, place)[1]
        assert answer.status_code == 400, answer.text
    assert race.escapes() == []
