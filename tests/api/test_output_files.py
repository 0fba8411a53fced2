"""What the page asks besides: the names and sizes of outputs, and the numbers of jobs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.live import Api, LiveServer, make_zip, new_jid

ZIP = make_zip({"a.txt": "alpha"})
WRITE = 'cd "$1"; mkdir -p deep; printf 12345 >deep/b; : >empty'
ODD = r"""ln -s /etc/passwd link; mkfifo pipe; : >x.chrislink; : >"$(printf 'caf\351')" """


@pytest.fixture
def jid(api: Api) -> Iterator[str]:
    """Of a job that the test submits."""
    name = new_jid()
    yield name
    api.delete(f"jobs/{name}/")


def outputs(api: Api, jid: str) -> dict[str, Any]:
    answer = api.get(f"pluginjobs/{jid}/outputs/")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_outputs_have_names_and_sizes_and_are_regular_files_alone(api: Api, jid: str) -> None:
    assert api.submit(jid, f"{WRITE}; {ODD}", ZIP).status_code == 201
    api.wait(jid)
    assert outputs(api, jid) == {
        "files": [{"path": "caf\\xe9", "bytes": 0}, {"path": "deep/b", "bytes": 5}, {"path": "empty", "bytes": 0}],
        "more": False,
        "path": "",
        "zip": True,
    }
    assert api.unzip(jid).keys() == {"caf\\xe9", "deep/b", "empty"}


def test_a_list_of_many_outputs_ends_and_says_so(api: Api, jid: str) -> None:
    assert api.submit(jid, 'cd "$1"; seq -f "%04g" 1001 | xargs touch', ZIP).status_code == 201
    api.wait(jid)
    found = outputs(api, jid)
    assert (len(found["files"]), found["more"]) == (1000, True)
    assert [file["path"] for file in found["files"]] == sorted(file["path"] for file in found["files"])


def test_a_list_of_outputs_looks_at_a_limited_number_of_directories(api: Api, jid: str) -> None:
    assert api.submit(jid, 'cd "$1"; mkdir deep; cd deep; seq 10001 | xargs mkdir; : >../last', ZIP).status_code == 201
    api.wait(jid)
    found = outputs(api, jid)
    assert (len(found["files"]) <= 1, found["more"]) == (True, True)


def test_outputs_that_became_a_link_and_those_of_no_job_are_absent(api: Api, server: LiveServer, jid: str) -> None:
    assert api.get(f"pluginjobs/{jid}/outputs/").status_code == 404
    assert api.submit(jid, "true", ZIP).status_code == 201
    api.wait(jid)
    place = server.storebase / f"key-{jid}" / "outgoing"
    place.rmdir()
    place.symlink_to("/etc")
    assert api.get(f"pluginjobs/{jid}/outputs/").status_code == 404
    assert api.get("pluginjobs/a..b/outputs/").status_code == 400


@pytest.fixture(scope="module")
def shared() -> Iterator[LiveServer]:
    """A service whose storeBase is that of the users, too."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        (storebase / "home/anna/in").mkdir(parents=True)
        with LiveServer(storebase, {"PFCON_INNETWORK": "true", "STORAGE_ENV": "filesystem"}) as live:
            yield live


def test_outputs_among_the_users_files_name_their_directory(shared: LiveServer) -> None:
    api, jid = Api(shared.url), new_jid()
    fields = {"input_dirs": ["home/anna/in"], "output_dir": "home/anna/out"}
    assert api.submit(jid, WRITE, None, **fields).status_code == 201
    api.wait(jid)
    found = outputs(api, jid)
    assert [(file["path"], file["bytes"]) for file in found.pop("files")] == [("deep/b", 5), ("empty", 0)]
    assert found == {"more": False, "path": "home/anna/out", "zip": False}
    api.delete(f"jobs/{jid}/")


def number(api: Api, **wanted: str) -> int:
    counts = api.get("counts/").json()["counts"]
    return sum(one["number"] for one in counts if wanted.items() <= one.items())


def test_jobs_are_counted_by_kind_status_and_reason(api: Api, jid: str) -> None:
    wanted = {"kind": "plugin", "status": "finishedWithError", "reason": "ExitCode"}
    before = number(api, **wanted)
    assert api.submit(jid, "exit 3", ZIP).status_code == 201
    api.wait(jid)
    assert number(api, **wanted) == before + 1
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert number(api, **wanted) == before
