"""A disk without a free block: what frees it works, what ended is told, what is new is refused, and all heals."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.live import Api, LiveServer, make_zip, new_jid
from support.serving import URLS
from support.small_disk import SmallDisk, small_disk

from pfcon.testing.waiting import checks, eventually

ZIP = make_zip({"a": "b"})
BLOB = 'head -c 1000000 /dev/zero >"$1/blob"; '
WAITS = BLOB + 'touch "$1/wait"; echo begun; while test -e "$1/wait"; do sleep 0.05; done; echo ended'
CASES = [
    ("process", "tmpfs", "beside"),
    ("process", "ext4", "beside"),
    ("process", "ext4", "elsewhere"),
    ("docker", "ext4", "beside"),
    ("docker", "tmpfs", "elsewhere"),
]


class Service:
    """A server on a small disk."""

    def __init__(self, disk: SmallDisk, server: LiveServer, records: str) -> None:
        self.disk, self.server, self.api, self.records = disk, server, Api(server.url), records

    def begun(self, script: str) -> str:
        """A job that runs, and has written."""
        jid = new_jid()
        answer = self.api.submit(jid, script, ZIP)
        assert answer.status_code == 201, answer.text
        assert eventually(lambda: "begun" in self.compute(jid)["logs"])
        return jid

    def ended(self) -> str:
        """A job that has ended, as its record says."""
        jid = new_jid()
        assert self.api.submit(jid, BLOB + "echo ended", ZIP).status_code == 201
        assert self.api.wait(jid)["status"] == "finishedSuccessfully"
        return jid

    def compute(self, jid: str) -> dict[str, str]:
        answer = self.api.get(f"jobs/{jid}/")
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()["compute"]
        return found

    def key(self, jid: str) -> Path:
        return self.server.storebase / f"key-{jid}"

    def is_gone(self, jid: str) -> bool:
        return self.api.get(f"jobs/{jid}/").status_code == 404


@pytest.fixture(params=CASES, ids="-".join)
def service(request: pytest.FixtureRequest) -> Iterator[Service]:
    engine, kind, records = request.param
    environ = {"CONTAINER_ENV": engine, "PFCON_MIN_FREE_BYTES": "1 MiB"}
    if engine != "process":
        environ["DOCKER_HOST"] = URLS[engine]()
    with tempfile.TemporaryDirectory(prefix="pfcon-disk-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        if records == "elsewhere":
            environ["PFCON_DATABASE_URL"] = f"sqlite:///{name}/records.db"
        with small_disk(Path(name, "storeBase"), kind) as disk, LiveServer(disk.path, environ) as server:
            yield Service(disk, server, records)


def test_an_end_is_told_on_a_full_disk_and_recorded_once_there_is_room(service: Service) -> None:
    jid = service.begun(WAITS)
    (service.key(jid) / "outgoing/wait").unlink()
    service.disk.fill()
    for _ in checks():
        compute = service.compute(jid)
        service.disk.fill()  # a checkpoint may have freed some
        if compute["status"] != "started":
            break
    assert compute["status"] == "finishedSuccessfully", compute
    assert compute["logs"].startswith("begun\n")
    if "storeBase is full" not in compute["message"]:
        assert service.records == "elsewhere" or compute["message"] == ""
    service.disk.empty()
    assert eventually(lambda: "full" not in service.compute(jid)["message"])
    assert service.compute(jid)["status"] == "finishedSuccessfully"
    assert service.api.delete(f"jobs/{jid}/").status_code == 204


@pytest.mark.parametrize("moment", ["running", "ended"])
@pytest.mark.parametrize("how", ["DELETE", "delete job"])
def test_what_frees_a_full_disk_works_on_it(service: Service, moment: str, how: str) -> None:
    jid = service.begun(WAITS) if moment == "running" else service.ended()
    service.disk.fill()
    if how == "DELETE":
        assert service.api.delete(f"jobs/{jid}/").status_code == 204
        assert eventually(lambda: service.is_gone(jid))
    else:
        answer = service.api.post("deletejobs/", {"jid": jid})
        assert answer.status_code == 201, answer.text
        for _ in checks():
            told = service.api.get(f"deletejobs/{jid}/")
            if told.status_code == 404:  # another process has done it, and has no room to write that down
                assert service.api.post("deletejobs/", {"jid": jid}).status_code == 201
            elif told.json()["compute"]["status"] not in ("notStarted", "started"):
                break
        assert told.json()["compute"]["status"] == "finishedSuccessfully", told.text
    assert eventually(lambda: not service.key(jid).exists())
    assert eventually(lambda: not list((service.server.storebase / ".pfcon/trash").iterdir()))
    service.disk.empty()
    again = service.ended()
    assert service.api.delete(f"jobs/{again}/").status_code == 204


def test_a_post_to_a_full_disk_is_refused_with_figures_and_leaves_nothing(service: Service) -> None:
    service.disk.fill()
    jid = new_jid()
    answer = service.api.submit(jid, "true", ZIP)
    assert answer.status_code == 507, answer.text
    assert "bytes)" in answer.json()["message"]
    assert answer.headers["Retry-After"]
    assert not service.key(jid).exists()
    service.disk.empty()
    assert eventually(lambda: service.is_gone(jid))
    assert service.api.submit(jid, "true", ZIP).status_code == 201


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_a_service_that_was_started_on_a_full_disk_frees_it(service: Service, end: str) -> None:
    jid = service.ended()
    service.disk.fill()
    if end == "kill":
        service.server.kill()
    else:
        service.server.stop()
    service.disk.fill()
    service.server.start()
    assert eventually(lambda: service.api.delete(f"jobs/{jid}/").status_code in (204, 404))
    assert eventually(lambda: not service.key(jid).exists())
    service.disk.empty()
    assert eventually(lambda: service.api.submit(new_jid(), "true", ZIP).status_code == 201)


def test_a_job_that_fills_the_disk_is_deleted(service: Service) -> None:
    jid = service.begun('echo begun; while :; do head -c 100000 /dev/zero >>"$1/blob" || sleep 0.1; done 2>/dev/null')
    for _ in checks():
        if service.api.submit(new_jid(), "true", ZIP).status_code == 507:
            break
    assert service.api.delete(f"jobs/{jid}/").status_code == 204
    assert eventually(lambda: not service.key(jid).exists())
    assert eventually(lambda: service.is_gone(jid))
    assert eventually(lambda: not list((service.server.storebase / ".pfcon/trash").iterdir()))
    again = service.ended()
    assert service.api.delete(f"jobs/{again}/").status_code == 204
