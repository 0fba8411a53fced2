"""A job's life through ``jobs/``, on the process engine."""

import contextlib
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.live import COPY_ALL, Api, LiveServer, make_zip, new_jid

from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.waiting import eventually

TIMES = {"created", "placed", "started", "finished"}
ADDITIONAL = {*TIMES, "reason", "exit_code", "node", "image_digest", "max_memory_mib"}
ZIP = make_zip({"a.txt": "alpha", "sub/b.txt": "beta"})


def test_a_job_is_staged_run_fetched_and_deleted(server: LiveServer, api: Api) -> None:
    jid = new_jid()
    answer = api.submit(jid, COPY_ALL, ZIP)
    assert answer.status_code == 201
    data, compute = answer.json()["data"], answer.json()["compute"]
    assert (data["jid"], data["nfiles"]) == (jid, 2)
    assert data["timestamp"]
    assert data["path"] == f"{server.storebase}/key-{jid}/incoming"
    assert compute.keys() == {"jid", "image", "cmd", "status", "message", "timestamp", "logs"} | ADDITIONAL
    assert compute["jid"] == jid
    assert compute["logs"] == ""
    assert compute["cmd"].endswith("/share/incoming /share/outgoing")

    ended = api.wait(jid)
    assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "copied\n")
    assert ended["timestamp"] > data["timestamp"][:10]
    assert api.unzip(jid) == {"a.txt": b"alpha", "sub/b.txt": b"beta"}
    assert api.get(f"jobs/{jid}/").json()["compute"] == ended

    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert api.get(f"jobs/{jid}/").status_code == 404
    assert api.get(f"jobs/{jid}/file/").status_code == 404
    assert api.delete(f"jobs/{jid}/").status_code == 404
    assert not (server.storebase / f"key-{jid}").exists()


def test_the_download_names_itself(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, COPY_ALL, ZIP)
    api.wait(jid)
    answer = api.get(f"jobs/{jid}/file/")
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{jid}.zip"'


def test_a_leading_slash_of_the_jid_is_dropped(api: Api) -> None:
    jid = new_jid()
    assert api.submit("/" + jid, COPY_ALL, ZIP).json()["data"]["jid"] == jid
    assert api.wait(jid)["status"] == "finishedSuccessfully"


def test_a_failing_job_tells_why_and_keeps_log_and_outputs(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, 'echo partial > "$1/part"; echo oh no >&2; exit 7', ZIP)
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert (ended["reason"], ended["message"]) == ("ExitCode", "the program failed with exit code 7")
    assert ended["logs"] == f"oh no\npfcon: {ended['message']}\n"
    assert api.unzip(jid) == {"part": b"partial\n"}


def test_a_command_that_does_not_exist_is_told(api: Api) -> None:
    jid = new_jid()
    assert api.submit(jid, "", ZIP, entrypoint=["no-such-program"]).status_code == 201
    ended = api.wait(jid)
    assert ended["status"] == "finishedWithError"
    assert "no-such-program" in ended["message"]


def test_the_environment_reaches_the_job_and_is_not_kept(server: LiveServer, api: Api) -> None:
    jid = new_jid()
    secret = "t0ken-that-nobody-keeps"
    api.submit(jid, 'echo "$A|$B"; test -n "$TOKEN"', ZIP, env=["A=x=y z", "B=", f"TOKEN={secret}"])
    ended = api.wait(jid)
    assert (ended["status"], ended["logs"]) == ("finishedSuccessfully", "x=y z|\n")
    records = server.storebase / ".pfcon" / "records"
    assert eventually(lambda: checkpoint(records / "records.db"))  # as it happens by itself in time
    assert [path.name for path in records.iterdir() if secret.encode() in path.read_bytes()] == []
    assert secret not in server.log_path.read_text()


def checkpoint(database: Path) -> bool:
    """Whether all of SQLite's write-ahead log could be brought into the database, and the log be emptied."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def test_path_flags_are_localized_and_commas_divide_them(api: Api) -> None:
    jid = new_jid()
    script = 'for word; do echo "$word"; done'
    args = [script, "name", "--dir", "home/bob", "--n", "1", "--other", "x/y"]
    api.submit(jid, "", ZIP, args=args, args_path_flags=["--dir,--other"], type="fs")
    compute = api.wait(jid)
    assert "--dir /share/incoming --n 1 --other /share/incoming /share/outgoing" in compute["cmd"]
    words = compute["logs"].splitlines()
    assert words[1].endswith(f"key-{jid}/incoming")


def test_the_same_post_again_gives_the_same_job(api: Api) -> None:
    jid = new_jid()
    first = api.submit(jid, COPY_ALL, ZIP, env=["CHRIS_USER_TOKEN=one"])
    again = api.submit(jid, COPY_ALL, ZIP, env=["CHRIS_USER_TOKEN=two"])
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["data"]["nfiles"] == 2
    api.wait(jid)
    finished = api.submit(jid, COPY_ALL, ZIP, env=["CHRIS_USER_TOKEN=three"])
    assert finished.json()["compute"]["status"] == "finishedSuccessfully"


def test_many_identical_posts_at_once_all_succeed_with_one_job(server: LiveServer, api: Api) -> None:
    jid = new_jid()
    script = 'cp -r "$0"/. "$1"; mktemp -p "$1" ran.XXXXXX >/dev/null'
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: api.submit(jid, script, ZIP), range(12)))
    assert [answer.status_code for answer in answers] == [201] * 12
    assert {answer.json()["data"]["nfiles"] for answer in answers} == {2}
    api.wait(jid)
    assert sum(name.startswith("ran.") for name in api.unzip(jid)) == 1


def test_another_request_for_a_jid_in_use_is_a_conflict_that_changes_nothing(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, "echo mine", ZIP)
    for other in (api.submit(jid, "echo other", ZIP), api.submit(jid, "echo mine", make_zip({"c": "c"}))):
        assert other.status_code == 409
        assert jid in other.json()["message"]
    assert api.wait(jid)["logs"] == "mine\n"


def test_a_failed_job_may_be_posted_again_also_with_other_inputs(api: Api) -> None:
    jid = new_jid()
    script = 'test -e "$0/good" && cp "$0/good" "$1"'
    api.submit(jid, script, ZIP)
    assert api.wait(jid)["status"] == "finishedWithError"
    assert api.submit(jid, script, make_zip({"good": "g"})).status_code == 201
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert api.unzip(jid) == {"good": b"g"}


def test_a_deleted_job_may_be_posted_again(api: Api) -> None:
    jid = new_jid()
    for content in ("one", "two"):
        assert api.submit(jid, COPY_ALL, make_zip({"f": content})).status_code == 201
        api.wait(jid)
        assert api.unzip(jid) == {"f": content.encode()}
        assert api.delete(f"jobs/{jid}/").status_code == 204


def test_deleting_a_running_job_stops_it(server: LiveServer, api: Api) -> None:
    jid = new_jid()
    api.submit(jid, 'while :; do date >> "$1/beat"; sleep 0.05; done', ZIP)
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert not (server.storebase / f"key-{jid}").exists()
    assert api.get(f"jobs/{jid}/").status_code == 404


def test_several_deletes_at_once_do_no_harm(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, "sleep 60", ZIP)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: api.delete(f"jobs/{jid}/").status_code, range(6)))
    assert set(answers) <= {204, 404}
    assert 204 in answers


def test_arguments_may_be_missing_or_empty(api: Api) -> None:
    jid = new_jid()
    fields = {"entrypoint": ["sh", "-c", 'echo "$#"'], "args": [], "args_path_flags": [""]}
    assert api.submit(jid, "", ZIP, **fields).status_code == 201
    assert api.wait(jid)["logs"] == "1\n"


def test_an_empty_zip_is_an_empty_input(api: Api) -> None:
    jid = new_jid()
    answer = api.submit(jid, 'ls -A "$0" | wc -l', make_zip({}))
    assert (answer.status_code, answer.json()["data"]["nfiles"]) == (201, 0)
    assert api.wait(jid)["logs"].strip() == "0"


def test_chris_links_in_the_zip_are_expanded(api: Api) -> None:
    jid = new_jid()
    files = {"in.chrislink": "home/bob", "home/bob/data.txt": "d", "home/own.txt": "o"}
    answer = api.submit(jid, COPY_ALL, make_zip(files))
    assert answer.json()["data"]["nfiles"] == 2
    api.wait(jid)
    assert api.unzip(jid) == {"home_bob/data.txt": b"d", "home/own.txt": b"o"}


def test_the_log_is_clean_text_and_only_its_end(api: Api) -> None:
    jid = new_jid()
    api.submit(jid, "i=0; while [ $i -lt 1500 ]; do echo line $i; i=$((i+1)); done; printf 'a\\000b\\377c\\n'", ZIP)
    logs = api.wait(jid)["logs"]
    assert len(logs.splitlines()) == 1000
    assert logs.endswith("a\ufffdb\ufffdc\n")


@pytest.mark.parametrize(("fields", "minutes"), [({}, 60), ({"time_limit": 5}, 5)])
def test_a_job_has_the_time_limit_of_its_request_or_the_sites(
    api: Api, server: LiveServer, fields: dict[str, int], minutes: int
) -> None:
    jid = new_jid()
    answer = api.submit(jid, COPY_ALL, make_zip({"a": "x"}), **fields)
    assert answer.status_code == 201, answer.text
    spec = StoreBase(server.storebase).private / "process" / jid / "spec.json"
    assert JobSpec.from_json(spec.read_text()).resources.time_limit == minutes
    assert api.wait(jid)["status"] == "finishedSuccessfully"
