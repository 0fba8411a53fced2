"""A whole pfcon server whose jobs run through Cromwell."""

from collections.abc import Iterator

import pytest
from support.cromwell import fake_server
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.paths import StoreBase


@pytest.fixture
def api(storebase: StoreBase) -> Iterator[Api]:
    with fake_server(storebase.root) as cromwell:
        settings = {"CONTAINER_ENV": "cromwell", "CROMWELL_URL": cromwell.url, "TIMELIMIT_MINUTES": "60"}
        with LiveServer(storebase.root, settings) as server:
            yield Api(server.url)


def test_a_job_goes_from_its_zip_to_its_outputs_with_log_and_environment(api: Api, storebase: StoreBase) -> None:
    jid = new_jid()
    script = f'{COPY_ALL}; printf %s "$GREETING" > "$1/greeting"'
    answer = api.submit(jid, script, make_zip({"sub/a b.txt": "in"}), env=["GREETING=Grüße, $HOME\n"])
    assert answer.status_code == 201, answer.text
    found = api.wait(jid)
    assert found["status"] == "finishedSuccessfully", found
    assert found["logs"] == "copied\n"
    assert api.unzip(jid) == {"sub/a b.txt": b"in", "greeting": "Grüße, $HOME\n".encode()}
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert api.get(f"jobs/{jid}/").status_code == 404
    executions = storebase.private / "cromwell/executions"
    assert [path for path in executions.rglob("*") if path.is_file()] == []


def test_a_failed_job_tells_why_and_may_be_posted_again(api: Api) -> None:
    jid = new_jid()
    assert api.submit(jid, "echo oh; exit 5", make_zip({"a": "x"})).status_code == 201
    found = api.wait(jid)
    logs = "oh\npfcon: the program failed with exit code 5\n"
    assert (found["status"], found["logs"]) == ("finishedWithError", logs)
    assert "exit code 5" in found["message"]
    assert api.submit(jid, "echo oh; exit 5", make_zip({"a": "x"})).status_code == 201
    assert api.wait(jid)["status"] == "finishedWithError"


def test_what_cromwell_can_not_do_is_a_400(api: Api) -> None:
    answer = api.submit(new_jid(), "exit 0", make_zip({"a": "x"}), number_of_workers=2)
    assert answer.status_code == 400
    assert "number_of_workers" in answer.text
