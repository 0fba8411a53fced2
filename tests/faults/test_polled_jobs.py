"""Many jobs that are polled for long take the service nothing more: no thread, no descriptor, no memory."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from support.live import Api, LiveServer, make_zip, new_jid

JOBS, CLIENTS, ROUNDS = 12, 8, 40
SLACK = 12  # descriptors or threads of one process that come and go: connections, database connections
SLACK_MIB = 16


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with tempfile.TemporaryDirectory(prefix="pfcon-polled-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        with LiveServer(storebase) as live:
            yield live


def poll(api: Api, jids: list[str], rounds: int) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        for answer in pool.map(lambda jid: api.get(f"jobs/{jid}/"), jids * rounds):
            assert answer.json()["compute"]["status"] == "started"


def usage(server: LiveServer) -> dict[str, int]:
    """Of all processes of the service."""
    assert server.process is not None
    first = psutil.Process(server.process.pid)
    processes = [first, *(child for child in first.children() if "serve" in child.cmdline())]
    return {
        "processes": len(processes),
        "threads": sum(process.num_threads() for process in processes),
        "descriptors": sum(process.num_fds() for process in processes),
        "MiB": sum(process.memory_full_info().uss for process in processes) // 2**20,
    }


@pytest.mark.slow
def test_polling_running_jobs_is_flat(server: LiveServer) -> None:
    api, jids = Api(server.url), [new_jid() for _ in range(JOBS)]
    data = make_zip({"a.txt": "a"})
    for jid in jids:
        assert api.submit(jid, "exec sleep 1000", data).status_code == 201
    poll(api, jids, ROUNDS)  # pools of threads and connections are full now
    before = usage(server)
    poll(api, jids, 3 * ROUNDS)
    after = usage(server)
    for jid in jids:
        api.delete(f"jobs/{jid}/")
    assert before["processes"] == after["processes"] == 3
    for what in ("threads", "descriptors"):
        assert after[what] <= before[what] + SLACK, (before, after)
    assert after["MiB"] <= before["MiB"] + SLACK_MIB, (before, after)
