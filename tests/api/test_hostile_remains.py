"""What jobs of the process engine put in the places of pfcon's own files: all of it goes, and nothing else does."""

import contextlib
import os
import time
from pathlib import Path

import pytest
from support.live import Api, LiveServer, make_zip, new_jid

from pfcon.testing.waiting import PATIENCE, eventually

LONG, DEPTH = "n" * 255, 300
# $K is the job's directory, $T somebody's, which no job may touch.
REMAINS = {
    "a link to a directory": 'rm -rf "$K"; ln -s "$T" "$K"',
    "a link to nowhere": 'rm -rf "$K"; ln -s "$T/nothing" "$K"',
    "a file": 'rm -rf "$K"; echo x >"$K"',
    "a pipe": 'rm -rf "$K"; mkfifo "$K"',
    "links inside": 'rm -rf "$K/incoming" "$K/outgoing"; ln -s "$T" "$K/incoming"; ln -s "$T" "$K/outgoing"',
    "pipes inside": 'for f in delete.progress copy.order a/b/c; do mkdir -p "$(dirname "$K/$f")"; mkfifo "$K/$f"; done',
    "directories for files": 'mkdir -p "$K/delete.progress/x" "$K/copy.progress" "$K/upload.lock"',
    "a link for the progress": 'ln -s "$T/f" "$K/delete.progress"',
    "a device": 'mknod "$K/outgoing/null" c 1 3 || :',
    "nobody may enter": 'mkdir -p "$K/outgoing/a/b"; : >"$K/outgoing/a/b/f"; chmod 0 "$K/outgoing/a/b" "$K/outgoing/a"',
    "odd names": f'cd "$K/outgoing"; : >{LONG}; : >"$(printf "\\351\\n")"; : >"-rf"; mkdir "..."',
    "a deep tree": f'cd "$K/outgoing"; for i in $(seq {DEPTH}); do mkdir {LONG[:200]}; cd {LONG[:200]}; done; : >f',
    "immutable": 'cd "$K/outgoing"; mkdir d; : >d/f; chattr +i d/f d || :; chattr +i "$K" || :',
}


@pytest.fixture
def precious(server: LiveServer) -> Path:
    """A directory that is not the job's."""
    found = server.storebase / "home" / new_jid()
    found.mkdir(parents=True)
    (found / "f").write_text("precious")
    (found / "g").write_text("also")
    return found


def leave(api: Api, precious: Path, server: LiveServer, script: str) -> str:
    """Run a job that leaves something; its jid."""
    jid = new_jid()
    key = server.storebase / f"key-{jid}"
    answer = api.submit(jid, f"K={key}; T={precious}; {script}; exit 0", make_zip({"a": "x"}))
    assert answer.status_code == 201, answer.text
    ended = api.wait(jid)
    assert ended["status"] == "finishedSuccessfully", ended
    return jid


def left(server: LiveServer, jid: str) -> list[str]:
    """All that storeBase still has of a job, in the trash as well."""
    names = os.listdir(server.storebase) + os.listdir(server.storebase / ".pfcon" / "trash")
    return [name for name in names if name.startswith(f"key-{jid}")]


@pytest.mark.parametrize("way", ["jobs", "deletejobs"])
@pytest.mark.parametrize("what", REMAINS)
def test_all_goes_and_nothing_else(api: Api, server: LiveServer, precious: Path, way: str, what: str) -> None:
    jid = leave(api, precious, server, REMAINS[what])
    if way == "jobs":
        assert api.delete(f"jobs/{jid}/").status_code == 204
    else:
        assert api.post("deletejobs/", {"jid": jid}).status_code == 201
        assert eventually(lambda: api.get(f"deletejobs/{jid}/").json()["compute"]["status"] not in STILL)
        ended = api.get(f"deletejobs/{jid}/").json()["compute"]
        assert ended["status"] == "finishedSuccessfully", ended["message"]
        assert ended["message"].startswith("deleted ")
        assert api.delete(f"pluginjobs/{jid}/").status_code == 204
    assert eventually(lambda: left(server, jid) == [])
    assert {path.name: path.read_text() for path in precious.iterdir()} == {"f": "precious", "g": "also"}


STILL = ("notStarted", "started")


@pytest.mark.parametrize("what", ["a link to a directory", "a file", "links inside"])
def test_a_job_may_be_posted_again_after_it(api: Api, server: LiveServer, precious: Path, what: str) -> None:
    jid = leave(api, precious, server, REMAINS[what])
    assert api.delete(f"pluginjobs/{jid}/").status_code == 204  # its data stay: that is a delete job's work
    assert api.submit(jid, 'cp "$0"/a "$1"', make_zip({"a": "new"})).status_code == 201
    assert api.wait(jid)["status"] == "finishedSuccessfully"
    assert api.unzip(jid) == {"a": b"new"}
    assert sorted(os.listdir(precious)) == ["f", "g"]
    assert api.delete(f"jobs/{jid}/").status_code == 204


def test_a_job_that_swaps_while_it_is_deleted_loses_what_is_its_own(
    api: Api, server: LiveServer, precious: Path
) -> None:
    jid = new_jid()
    key = server.storebase / f"key-{jid}"
    script = (
        f'K={key}; T={precious}; mkdir "$1/x"; : >"$1/x/f"; : >"$1/go"; while :; do '
        'mv "$1/x" "$1/y"; ln -s "$T" "$1/x"; rm "$1/x"; mv "$1/y" "$1/x"; done 2>/dev/null'
    )
    assert api.submit(jid, script, make_zip({"a": "x"})).status_code == 201
    assert eventually((key / "outgoing" / "go").exists)
    assert api.post("deletejobs/", {"jid": jid}).status_code == 201
    assert eventually(lambda: api.get(f"deletejobs/{jid}/").json()["compute"]["status"] not in STILL)
    assert api.delete(f"pluginjobs/{jid}/").status_code == 204
    assert eventually(lambda: left(server, jid) == [])
    assert sorted(os.listdir(precious)) == ["f", "g"]


def test_records_that_a_job_has_replaced_keep_nobody_waiting(api: Api, server: LiveServer) -> None:
    jid = new_jid()
    records = server.storebase / ".pfcon" / "process" / jid
    script = f"sleep 1; for f in spec state; do rm {records}/$f.json; mkfifo {records}/$f.json; done; sleep 600"
    assert api.submit(jid, script, make_zip({"a": "x"})).status_code == 201
    assert eventually((records / "state.json").is_fifo)
    begun = time.monotonic()
    with contextlib.suppress(AssertionError):
        api.wait(jid, timeout=PATIENCE)
    assert api.get(f"jobs/{jid}/").status_code == 200
    assert api.delete(f"jobs/{jid}/").status_code == 204
    assert time.monotonic() - begun < 2 * PATIENCE
