"""``records/`` of a live service."""

import base64
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
import requests
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE

ZIP = make_zip({"a.txt": "alpha"})
KEYS = {
    *(
        "jid",
        "kind",
        "status",
        "message",
        "reason",
        "image",
        "owner",
        "created",
        "staged",
        "placed",
        "started",
        "finished",
        "exit_code",
    ),
    *("node", "image_digest", "max_memory_mib", "cpu_seconds", "files_in", "bytes_in", "files_out", "bytes_out"),
}
Parameters = dict[str, Any]


def first_word(owner: str) -> str:
    """What the jids of a user's jobs begin with."""
    return owner.partition(" ")[0]


@pytest.fixture(scope="module")
def owner(api: Api) -> Iterator[str]:
    """A user with three jobs that have ended, the second with an error; named as URLs do not like it."""
    name = f"{new_jid()} +&é"
    for number, script in enumerate((COPY_ALL, "exit 3", "true")):
        jid = f"{first_word(name)}-{number}"
        assert api.submit(jid, script, ZIP, auid=name, env="SECRET=hidden").status_code == 201
        api.wait(jid)
    yield name
    for number in range(3):
        api.delete(f"jobs/{first_word(name)}-{number}/")


def listed(api: Api, **parameters: Any) -> dict[str, Any]:
    answer = api.get("records/?" + urlencode(parameters, doseq=True))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found.keys() == {"records", "next"}
    return found


def jids(found: dict[str, Any]) -> list[str]:
    return [record["jid"][-1] for record in found["records"]]


def test_a_record_has_what_a_page_about_jobs_needs_and_nothing_large_or_secret(api: Api, owner: str) -> None:
    answer = api.get("records/?" + urlencode({"owner": owner}))
    first = answer.json()["records"][-1]
    assert first.keys() == KEYS
    assert (first["kind"], first["status"], first["owner"]) == ("plugin", "finishedSuccessfully", owner)
    assert (first["files_in"], first["bytes_in"]) == (1, 5)
    assert (first["files_out"], first["bytes_out"]) == (1, 5)
    times = [datetime.fromisoformat(first[name]) for name in ("created", "staged", "finished")]
    assert times == sorted(times)
    for text in ("copied", "hidden", "SECRET", "outgoing"):
        assert text not in answer.text


def test_pages_are_followed_by_their_cursor(api: Api, owner: str) -> None:
    page = listed(api, owner=owner, limit=2)
    assert jids(page) == ["2", "1"]
    assert page["next"] == quote(page["next"], safe="")
    new = new_jid()
    assert api.submit(new, "true", ZIP, auid=owner).status_code == 201
    page = listed(api, owner=owner, limit=2, cursor=page["next"])
    assert (jids(page), page["next"]) == (["0"], None)
    api.delete(f"jobs/{new}/")
    assert listed(api, owner=owner, limit=3)["next"] is None


def test_filters_are_combined(api: Api, owner: str) -> None:
    assert jids(listed(api, owner=owner, status="finishedWithError,undefined")) == ["1"]
    assert jids(listed(api, owner=owner, status=["finishedWithError", "finishedSuccessfully"])) == ["2", "1", "0"]
    assert jids(listed(api, owner=owner, kind="copy,upload")) == []
    assert jids(listed(api, owner=owner, kind="plugin", image="no/such:1")) == []
    middle = listed(api, owner=owner)["records"][1]
    assert jids(listed(api, owner=owner, since=middle["created"], image=middle["image"])) == ["2", "1"]
    assert jids(listed(api, owner=owner, until=middle["created"])) == ["0"]
    without_zone = middle["created"].removesuffix("+00:00")
    assert without_zone != middle["created"]
    assert jids(listed(api, owner=owner, since=without_zone)) == ["2", "1"]


def test_a_job_that_runs_is_listed_and_one_that_is_deleted_is_not(api: Api) -> None:
    jid = new_jid()
    assert api.submit(jid, "sleep 600", ZIP, auid=jid).status_code == 201
    (record,) = listed(api, owner=jid)["records"]
    assert record["status"] in ("notStarted", "started")
    assert (record["finished"], record["exit_code"], record["files_out"]) == ("", None, None)
    api.delete(f"jobs/{jid}/")
    assert listed(api, owner=jid) == {"records": [], "next": None}
    assert api.get(f"records/{jid}/").status_code == 404


def test_one_jid_has_a_record_of_each_kind(api: Api, owner: str) -> None:
    jid = first_word(owner) + "-0"
    found = api.get(f"records/{jid}/").json()
    assert found.keys() == {"jid", "records"}
    assert found["jid"] == jid
    assert [(record["jid"], record["kind"]) for record in found["records"]] == [(jid, "plugin")]
    assert found["records"][0] == listed(api, owner=owner)["records"][2]


def test_a_jid_without_a_record_is_absent(api: Api) -> None:
    answer = api.get("records/no-such-job/")
    assert (answer.status_code, answer.json()) == (404, {"message": "there is no record of a job no-such-job"})


WRONG_CURSORS: tuple[Any, ...] = (
    *(None, {}, [], 1, "abc", [1, "a", "copy"], [1.5, "a"], [1.5, "a", "copy", ""], [1.5, 2, "copy"]),
    *([float("nan"), "a", "copy"], [float("inf"), "a", "copy"], [1.5, "a\0", "copy"], [1.5, "é", "copy"]),
    *([1.5, "\ud800", "copy"], [True, "a", "copy"], [1.5, "a", ["copy"]], [[1.5], "a", "copy"]),
)


def cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"limit={text}", "limit") for text in ("", "0", "-1", "1001", "1e2", "9" * 400, "%C2%B2", "%D9%A1", "1%00")),
        *((f"status={text}", "status") for text in ("", "ended", "started,", "STARTED", "started&status=x", "%FF")),
        *((f"kind={text}", "kind") for text in ("", "job", "copy,,upload", "%00")),
        *(
            (f"since={text}", "since")
            for text in ("", "now", "1700000000.5", "2026-02-30", "2026-01-31T08:00:00+01:00")
        ),
        *((f"until={text}", "until") for text in ("", "%F0%9F%98%80", "2026-01-31T25:00", "0000-01-01", "2026-13-01")),
        *((f"{name}={text}", name) for name in ("owner", "image", "text") for text in ("", "a%00b", "a&{}=b")),
        (f"text={'n' * 201}", "text"),
        *((f"cursor={text}", "cursor") for text in ("", "x", "e30", "W10", "%C3%A9", "A" * 3500, "W" * 399, "%00")),
        *((f"cursor={cursor(value)}", "cursor") for value in WRONG_CURSORS),
        *((f"{name}=1", name) for name in ("Limit", "order", "offset", "jid", "logs", "%C3%A9")),
        ("=1", ""),
        ("limit=2&limit=3", "limit"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, query: str, field: str) -> None:
    answer = api.get("records/?" + query.format(field))
    field = unquote(field)
    assert answer.status_code == 400, answer.text
    assert answer.json().keys() == {"message"}
    assert answer.json()["message"].keys() == {field}
    assert len(answer.json()["message"][field]) < 200


def test_all_wrong_parameters_are_named(api: Api) -> None:
    answer = api.get("records/?limit=x&kind=y&color=z&owner=fine")
    assert answer.status_code == 400
    assert answer.json()["message"].keys() == {"limit", "kind", "color"}


@pytest.mark.parametrize(
    "query",
    [
        "since=0001-01-01T00:00:00%2B23:59",
        "until=9999-12-31T23:59:59-23:59",
        "owner=%FF",
        "owner=%27;DROP%20TABLE%20jobs",
        "image=" + "n" * 3500,
        "text=%25_%5C",
        f"cursor={cursor([1e308, 'z', 'z'])}",
        f"cursor={cursor([-1.5, '', ''])}",
    ],
)
def test_an_odd_parameter_is_taken_as_it_is(api: Api, query: str) -> None:
    assert api.get("records/?" + query).status_code == 200


@pytest.mark.parametrize("jid", ["a..b", "x" * 129, "%00", "é", "-x", "a b"])
def test_a_wrong_jid_is_named(api: Api, jid: str) -> None:
    answer = api.get(f"records/{jid}/")
    assert answer.status_code == 400
    assert answer.json()["message"].keys() == {"jid"}


@pytest.mark.parametrize("path", ["records/", "records/x/", "records/?limit=x"])
def test_records_need_a_token(server: LiveServer, path: str) -> None:
    answer = requests.get(server.url + path, timeout=PATIENCE)
    assert (answer.status_code, answer.json()) == (401, {"message": "Missing authorization header."})


@pytest.mark.parametrize("path", ["records/", "records/x/"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_records_are_only_read(server: LiveServer, api: Api, path: str, method: str) -> None:
    answer = requests.request(method, server.url + path, headers=api.headers, timeout=PATIENCE)
    assert (answer.status_code, answer.json().keys()) == (405, {"message"})
