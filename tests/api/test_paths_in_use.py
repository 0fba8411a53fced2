"""Directories that another job may change the way to: refused until that job has ended, whoever asks for its end."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from support.live import Api, LiveServer, new_jid
from support.staged import StagedJob

from pfcon.testing.waiting import checks, eventually

WAIT = 'until test -e "$1/go"; do sleep 0.05; done'


@pytest.fixture(scope="module", params=["filesystem", "fslink"])
def shared(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """A server whose storeBase is that of the users, too."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase, {"PFCON_INNETWORK": "true", "STORAGE_ENV": request.param}) as live:
            yield live


class User:
    """One user's tree; jobs are named by what they are for."""

    def __init__(self, server: LiveServer) -> None:
        self.server, self.api = server, Api(server.url)
        self.home = f"home/{new_jid()}"
        self.root = server.storebase / self.home
        (self.root / "inputs").mkdir(parents=True)
        (self.root / "inputs/a.txt").write_text("alpha")

    def post(self, jid: str, output: str, script: str = "true", inputs: str = "inputs") -> requests.Response:
        """POST a job; paths are relative to the user's home."""
        fields = {"input_dirs": [f"{self.home}/{inputs}"], "output_dir": f"{self.home}/{output}"}
        return self.api.submit(jid, script, None, **fields)

    def begin(self, output: str, script: str = WAIT, inputs: str = "inputs") -> str:
        """A job that runs until ``end``; its jid."""
        jid = new_jid()
        answer = self.post(jid, output, script, inputs)
        assert answer.status_code == 201, answer.text
        return jid

    def end(self, output: str) -> None:
        """Have a job end; nobody asks pfcon for it."""
        (self.root / output / "go").touch()

    def in_the_way(self, output: str, inputs: str = "inputs") -> str:
        """The text of a 409, which changed nothing."""
        jid, before = new_jid(), sorted(self.root.rglob("*"))
        answer = self.post(jid, output, inputs=inputs)
        assert answer.status_code == 409, answer.text
        assert self.api.get(f"jobs/{jid}/").status_code == 404
        assert not (self.server.storebase / f"key-{jid}").exists()
        assert sorted(self.root.rglob("*")) == before
        return str(answer.json()["message"])

    def taken(self, output: str, inputs: str = "inputs") -> bool:
        """Whether such a job is accepted."""
        return self.post(new_jid(), output, inputs=inputs).status_code == 201


@pytest.fixture
def user(shared: LiveServer) -> User:
    return User(shared)


@pytest.mark.parametrize("output", ["feed", "feed/x", "feed/x/y"])
def test_outputs_below_those_of_an_active_job_are_a_409_that_names_it(user: User, output: str) -> None:
    active = user.begin("feed")
    text = user.in_the_way(output)
    assert f"job {active} " in text
    assert f"'{user.home}/{output}'" in text
    user.end("feed")
    assert any(user.taken(output) for _ in checks())  # nobody has asked for the first job


@pytest.mark.parametrize("shared", ["filesystem"], indirect=True)
@pytest.mark.parametrize("inputs", ["feed", "feed/x"])
def test_inputs_below_the_outputs_of_an_active_job_are_a_409_that_names_it(user: User, inputs: str) -> None:
    (user.root / "feed/x").mkdir(parents=True)
    active = user.begin("feed")
    text = user.in_the_way("own", inputs)
    assert f"job {active} " in text
    assert f"'{user.home}/{inputs}'" in text
    user.end("feed")
    assert any(user.taken("own", inputs) for _ in checks())


@pytest.mark.parametrize("above", ["feed", "feed/pl_1"])
def test_outputs_above_what_an_active_job_mounts_are_a_409_that_names_it(user: User, above: str) -> None:
    active = user.begin("feed/pl_1/data")
    assert f"job {active} " in user.in_the_way(above)
    assert user.api.delete(f"jobs/{active}/").status_code == 204
    assert user.taken(above)


@pytest.mark.parametrize("shared", ["filesystem"], indirect=True)
@pytest.mark.parametrize("above", ["inputs", "inputs/sub"])
def test_outputs_above_the_inputs_of_an_active_job_are_a_409_that_names_it(user: User, above: str) -> None:
    (user.root / "inputs/sub").mkdir()
    active = user.begin("feed", inputs="inputs/sub")
    assert f"job {active} " in user.in_the_way(above)
    user.end("feed")
    assert any(user.taken(above) for _ in checks())


def test_the_instances_of_a_feed_run_side_by_side_on_the_outputs_of_one_that_ended(user: User) -> None:
    user.begin("feeds/feed_1/pl_1/data", 'echo one >"$1/one"')
    inputs = "feeds/feed_1/pl_1/data"
    assert any(user.taken("feeds/feed_1/pl_1/pl_2/data", inputs) for _ in checks())
    for name in ("pl_1/pl_3", "pl_1/pl_4", "pl_5"):
        user.begin(f"feeds/feed_1/{name}/data", inputs=inputs)
    for name in ("pl_1/pl_3", "pl_1/pl_4", "pl_5"):
        user.end(f"feeds/feed_1/{name}/data")


def test_the_same_job_posted_again_is_the_same_job(user: User) -> None:
    jid = user.begin("feed")
    again = user.post(jid, "feed", WAIT)
    assert (again.status_code, again.json()["compute"]["jid"]) == (201, jid)
    user.end("feed")
    assert user.api.wait(jid)["status"] == "finishedSuccessfully"
    assert user.post(jid, "feed", WAIT).json()["compute"]["status"] == "finishedSuccessfully"


def test_a_job_that_failed_is_posted_again_and_keeps_its_record_when_it_is_in_the_way(user: User) -> None:
    jid = user.begin("feed", "exit 3")
    assert user.api.wait(jid)["status"] == "finishedWithError"
    other = user.begin("feed")
    answer = user.post(jid, "feed", "true")
    assert (answer.status_code, f"job {other} " in answer.text) == (409, True)
    assert "3" in user.api.get(f"jobs/{jid}/").json()["compute"]["message"]
    user.end("feed")
    assert any(user.post(jid, "feed", "true").status_code == 201 for _ in checks())
    assert user.api.wait(jid)["status"] == "finishedSuccessfully"


@pytest.mark.parametrize("shared", ["filesystem"], indirect=True)
def test_inputs_below_the_jobs_own_outputs_are_a_400_and_outputs_below_inputs_are_not(user: User) -> None:
    (user.root / "inputs/sub").mkdir()
    answer = user.post(new_jid(), "inputs", inputs="inputs/sub")
    assert (answer.status_code, answer.json()["message"].partition(":")[0]) == (400, "input_dirs")
    assert user.taken("inputs/sub/out")
    assert user.taken("both", "inputs")


def test_of_many_posts_at_once_one_may_write_to_a_directory(user: User) -> None:
    def post(number: int) -> int:
        return user.post(new_jid(), "feed" if number % 2 else "feed/sub", WAIT).status_code

    with ThreadPoolExecutor(12) as pool:
        codes = sorted(pool.map(post, range(12)))
    assert codes == [201] + [409] * 11
    for place in ("feed", "feed/sub"):
        (user.root / place).mkdir(exist_ok=True)
        user.end(place)


def test_a_delete_job_frees_what_it_cancels(user: User) -> None:
    active = user.begin("feed")
    assert user.api.post("deletejobs/", {"jid": active}).status_code == 201
    assert any(user.taken("feed/x") for _ in checks())


@pytest.mark.parametrize("shared", ["fslink"], indirect=True)
def test_what_was_copied_stays_when_the_plugin_job_is_in_the_way(user: User) -> None:
    job = StagedJob(user.server, f"{user.home}/inputs")
    job.output_dir = f"{user.home}/feed/x"
    assert job.copied()["status"] == "finishedSuccessfully"
    active = user.begin("feed")
    answer = job.plugin("true")
    assert (answer.status_code, f"job {active} " in answer.text) == (409, True)
    assert job.get("plugin").status_code == 404
    assert (job.key / "incoming/a.txt").exists()
    user.end("feed")

    def posted() -> Any:
        return job.plugin("true").status_code == 201

    assert eventually(posted)
    assert job.wait("plugin")["status"] == "finishedSuccessfully"
