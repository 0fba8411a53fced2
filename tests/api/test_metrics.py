"""What Prometheus reads of a live service: right with several processes, and after one of them was killed."""

import http.client
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from support.live import PASSWORD, USER, Api, LiveServer, make_zip
from support.ports import free_port

from pfcon.testing.waiting import PATIENCE, eventually

TOKEN = "a-token-of-prometheus"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def own_port() -> int:
    """A port for the metrics."""
    return free_port()


@pytest.fixture
def measured(own_port: int) -> Iterator[LiveServer]:
    """A server of two processes with metrics at an address of their own, and with a token of their own."""
    with tempfile.TemporaryDirectory(prefix="pfcon-api-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        environ = {"PFCON_METRICS_BIND": f"127.0.0.1:{own_port}", "PFCON_METRICS_TOKEN": TOKEN}
        with LiveServer(storebase, environ) as live:
            yield live


def samples(port: int) -> Samples:
    """All samples at an address, by name and labels."""
    answer = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    """The sum of all samples of a name that have these labels."""
    return sum(number for (one, its), number in found.items() if one == name and labels.items() <= dict(its).items())


def run_jobs(server: LiveServer, names: str) -> None:
    """One that succeeds for each letter, and one that fails."""
    api = Api(server.url)
    for name in names:
        assert api.submit(name, 'cp -r "$0"/. "$1"', make_zip({"a": b"1234"})).ok
    assert api.submit(f"{names}-fails", "exit 3", make_zip({"a": b"x"})).ok
    for name in (*names, f"{names}-fails"):
        api.wait(name)


def test_jobs_are_counted_once_whichever_process_recorded_them(measured: LiveServer, own_port: int) -> None:
    """Also after a process was killed, whose counts stay."""
    run_jobs(measured, "abc")
    os.kill(measured.worker_pids[0], signal.SIGKILL)
    assert eventually(lambda: len(measured.worker_pids) == 2)
    run_jobs(measured, "de")

    def ended() -> bool:
        found = samples(own_port)
        succeeded = value(found, "pfcon_job_changes_total", kind="plugin", status="finishedSuccessfully")
        return succeeded == 5 and value(found, "pfcon_jobs", status="finishedWithError", reason="ExitCode") == 2

    assert eventually(ended), samples(own_port)
    found = samples(own_port)
    assert value(found, "pfcon_job_changes_total", reason="ExitCode") == 2
    assert value(found, "pfcon_jobs", kind="plugin", status="finishedSuccessfully") == 5
    assert value(found, "pfcon_job_run_seconds_count", kind="plugin") == 7
    assert value(found, "pfcon_job_input_bytes_sum", kind="plugin") == 5 * 4 + 2
    assert value(found, "pfcon_job_output_bytes_sum", kind="plugin") == 5 * 4
    assert value(found, "pfcon_engine_call_seconds_count", call="schedule", outcome="ok", engine="process") == 7
    assert value(found, "pfcon_request_seconds_count", route="/api/v1/jobs/", method="POST", status="201") == 7
    assert value(found, "pfcon_transfers") == 0
    assert value(found, "pfcon_streams", kind="logs") == 0
    assert value(found, "pfcon_storebase_free_bytes") > 0


def test_states_of_the_service_are_there(measured: LiveServer, own_port: int) -> None:
    """Its parts, and when the jobs were last watched; refused logins are counted."""
    requests.post(
        measured.url + "auth-token/", json={"pfcon_user": USER, "pfcon_password": PASSWORD + "x"}, timeout=PATIENCE
    )
    found: Samples = {}

    def all_work() -> bool:
        found.clear()
        found.update(samples(own_port))
        return value(found, "pfcon_part_ready") == 5

    assert eventually(all_work), found
    assert 0 <= value(found, "pfcon_keeper_lag_seconds") < 15
    assert value(found, "pfcon_logins_refused_total") == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), (f"bearer {TOKEN}", 401), (f"Bearer {TOKEN}", 200)],
)
def test_at_the_address_of_the_service_they_need_a_token(measured: LiveServer, header: str | None, status: int) -> None:
    """One of their own, which does not expire; or that of a client."""
    url = f"http://127.0.0.1:{measured.port}/metrics"
    headers = {"Authorization": header} if header else {}
    assert requests.get(url, headers=headers, timeout=PATIENCE).status_code == status
    assert requests.get(url, headers=Api(measured.url).headers, timeout=PATIENCE).status_code == 200


def test_their_token_opens_nothing_else(measured: LiveServer) -> None:
    """It may be in the configuration of a monitoring system."""
    answer = requests.get(measured.url + "jobs/", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=PATIENCE)
    assert answer.status_code == 401


def test_their_address_has_nothing_else(measured: LiveServer, own_port: int) -> None:
    """Whatever the Host header says; and the service's own address asks for a token, whatever it says there."""
    headers = {**Api(measured.url).headers, "Host": f"127.0.0.1:{measured.port}"}
    assert (
        requests.get(f"http://127.0.0.1:{own_port}/api/v1/jobs/", headers=headers, timeout=PATIENCE).status_code == 404
    )
    connection = http.client.HTTPConnection("127.0.0.1", measured.port, PATIENCE)
    connection.request("GET", "/metrics", headers={"Host": f"127.0.0.1:{own_port}"})
    assert connection.getresponse().status == 401
    connection.close()


def test_the_directory_of_the_counts_is_gone_with_the_service(measured: LiveServer) -> None:
    """It is in memory, where the machine has room for that."""
    assert measured.process is not None
    environ = Path(f"/proc/{measured.worker_pids[0]}/environ").read_bytes()
    assert b"PROMETHEUS" not in environ  # it was set later, and jobs do not get it
    before = set(Path("/dev/shm").glob("pfcon-metrics-*"))
    measured.stop()
    assert len(before - set(Path("/dev/shm").glob("pfcon-metrics-*"))) >= 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small /dev/shm")
def test_a_service_without_room_for_its_counts_runs_jobs(tmp_path: Path) -> None:
    """Docker gives a container 64 MiB of /dev/shm, which others may fill."""
    (tmp_path / "storeBase").mkdir()
    small = 'mount -t tmpfs -o size=64k none /dev/shm && head -c 20000 /dev/zero >/dev/shm/filler; exec "$0" "$@"'
    with LiveServer(tmp_path / "storeBase", python=("unshare", "-m", "sh", "-c", small, sys.executable)) as server:
        assert eventually(lambda: len(server.worker_pids) == 2)
        pids = server.worker_pids
        run_jobs(server, "ab")
        assert requests.get(
            f"http://127.0.0.1:{server.port}/metrics", headers=Api(server.url).headers, timeout=PATIENCE
        ).ok
        assert server.worker_pids == pids
        assert "finds no room in /dev/shm" in server.log_path.read_text()
