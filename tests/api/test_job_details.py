"""The additional keys of ``compute`` through both interfaces, on the process engine."""

import platform
import time
from datetime import UTC, datetime, timedelta

import pytest
from support.live import JOB_FIELDS, Api, make_zip, new_jid

from pfcon.testing.waiting import eventually

ZIP = make_zip({"a.txt": "alpha"})
INTERFACES = pytest.mark.parametrize("path", ["jobs/", "pluginjobs/"])
OLD = {"jid", "image", "cmd", "status", "message", "timestamp", "logs"}
ADDITIONAL = {
    *("created", "placed", "started", "finished", "reason", "exit_code", "node", "image_digest", "max_memory_mib"),
}
EAT = """exec python3 -c "
kept = b'x' * (48 << 20)
raise SystemExit(3)"
"""


def submit(api: Api, path: str, script: str) -> str:
    jid = new_jid()
    answer = api.post(path, {**JOB_FIELDS, "args": [script], "jid": jid}, ZIP)
    assert answer.status_code == 201, answer.text
    return f"{path}{jid}/"


def ended(api: Api, job: str) -> dict[str, object]:
    assert eventually(lambda: api.get(job).json()["compute"]["finished"])
    compute: dict[str, object] = api.get(job).json()["compute"]
    return compute


def moment(text: object) -> datetime:
    found = datetime.fromisoformat(str(text))
    assert found.utcoffset() == timedelta(0)
    return found


@INTERFACES
def test_an_ended_job_has_when_and_where_it_ran_and_its_exit_code(api: Api, path: str) -> None:
    before = datetime.now(UTC)
    compute = ended(api, submit(api, path, EAT))
    assert compute.keys() == OLD | ADDITIONAL
    assert (compute["status"], compute["exit_code"]) == ("finishedWithError", 3)
    times = [before, *(moment(compute[key]) for key in ("created", "started", "finished")), datetime.now(UTC)]
    assert times == sorted(times)
    assert compute["finished"] == compute["timestamp"]
    assert compute["node"] == platform.node()
    assert compute["image_digest"] == ""  # the process engine ignores the image
    assert isinstance(compute["max_memory_mib"], int)
    assert 48 <= compute["max_memory_mib"] < 150


@INTERFACES
def test_a_job_that_succeeds_has_the_exit_code_0(api: Api, path: str) -> None:
    assert ended(api, submit(api, path, "exit 0"))["exit_code"] == 0


@INTERFACES
def test_a_running_job_has_a_start_and_no_end(api: Api, path: str) -> None:
    job = submit(api, path, "exec sleep 600")
    assert eventually(lambda: api.get(job).json()["compute"]["started"])
    compute = api.get(job).json()["compute"]
    assert moment(compute["created"]) <= moment(compute["started"]) <= datetime.now(UTC)
    assert (compute["finished"], compute["timestamp"], compute["exit_code"]) == ("", "", None)
    assert (compute["node"], compute["max_memory_mib"]) == (platform.node(), None)
    time.sleep(0.2)
    assert api.get(job).json()["compute"] == compute
    api.delete(job)


@INTERFACES
def test_a_command_that_does_not_exist_has_no_start_and_no_exit_code(api: Api, path: str) -> None:
    jid = new_jid()
    fields = {**JOB_FIELDS, "entrypoint": ["no-such-program"], "args": ["x"], "jid": jid}
    assert api.post(path, fields, ZIP).status_code == 201
    compute = ended(api, f"{path}{jid}/")
    assert (compute["started"], compute["exit_code"], compute["node"]) == ("", None, "")
