"""The process that watches all jobs is killed, hangs, or ends: another one takes over, also one of another server.

No client asks for a job here: the tests read the records.
"""

import os
import signal
import time

import pytest
import sqlalchemy
from sqlalchemy import Engine, select
from support.leader import leader_pid, records_of
from support.live import Api, LiveServer, StartServer, make_zip, new_jid

from pfcon.records.schema import jobs, leader, services
from pfcon.testing.waiting import eventually

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.engine("postgresql"))]
ENGINES = ["process", pytest.param("docker", marks=pytest.mark.engine("docker"))]
ZIP = make_zip({"a": "b"})
TAKEOVER = 30.0  # seconds: at most


def job(records: Engine, jid: str) -> tuple[str, str, str]:
    """Phase, status and log of a job."""
    query = select(jobs.c.phase, jobs.c.status, jobs.c.logs).where(jobs.c.jid == jid)
    with records.connect() as connection:
        phase, status, logs = connection.execute(query).one()
    return phase, status, logs


@pytest.fixture(params=DATABASES)
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a database."""
    if request.param == "sqlite":
        return {}
    return {"PFCON_DATABASE_URL": request.getfixturevalue("postgresql")}


def has_leader(records: Engine, server: LiveServer) -> bool:
    return leader_pid(records) in server.worker_pids


def post(server: LiveServer, seconds: int) -> str:
    jid = new_jid()
    answer = Api(server.url).submit(jid, f"echo ran; sleep {seconds}", ZIP)
    assert answer.status_code == 201, answer.text
    return jid


def ends(records: Engine, jid: str) -> bool:
    """Whether the job's end is recorded, with its log, after some time and without any client."""
    ended = ("final", "finishedSuccessfully", "ran\n")
    return eventually(lambda: job(records, jid) == ended)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_client_ends_are_recorded_also_after_the_leader_was_killed(
    engine: str, environ: dict[str, str], start_server: StartServer
) -> None:
    server = start_server(engine, **environ)
    with records_of(server) as records:
        assert eventually(lambda: has_leader(records, server))
        first = post(server, 1)
        assert ends(records, first)
        second = post(server, 3)
        killed = leader_pid(records)
        assert killed
        os.kill(killed, signal.SIGKILL)
        assert ends(records, second)
        assert leader_pid(records) != killed


def test_one_that_hangs_is_replaced_in_time_and_does_no_harm_when_it_goes_on(
    environ: dict[str, str], start_server: StartServer
) -> None:
    server = start_server(**environ)
    with records_of(server) as records:
        assert eventually(lambda: has_leader(records, server))
        hanging = leader_pid(records)
        assert hanging
        os.kill(hanging, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            assert eventually(lambda: leader_pid(records) != hanging)
            assert time.monotonic() - begun < TAKEOVER
            jid = new_jid()
            while True:  # the kernel may give a connection to the process that hangs
                try:
                    Api(server.url).submit(jid, "echo ran; sleep 1", ZIP, timeout=5)
                    break
                except OSError:
                    assert time.monotonic() - begun < 4 * TAKEOVER
            assert ends(records, jid)
        finally:
            os.kill(hanging, signal.SIGCONT)
        third = post(server, 1)
        assert ends(records, third)
        assert leader_pid(records) != hanging


def test_another_server_takes_over_when_the_whole_first_one_is_killed(
    environ: dict[str, str], start_server: StartServer
) -> None:
    first = start_server(**environ)
    with records_of(first) as records:
        assert eventually(lambda: has_leader(records, first))
        second = LiveServer(first.storebase, first.environ)
        with second:
            jid = post(first, 3)
            assert has_leader(records, first)
            first.kill()
            assert ends(records, jid)
            assert has_leader(records, second)


def test_one_of_another_host_that_was_killed_is_replaced_in_time(
    environ: dict[str, str], start_server: StartServer
) -> None:
    server = start_server(**environ)
    with records_of(server) as records:
        assert eventually(lambda: has_leader(records, server))
        values = {"id": "f" * 32, "host": "another host", "pid": 1, "started": 1, "expires_at": time.time() + 1e6}
        with records.begin() as connection:
            connection.execute(sqlalchemy.insert(services).values(values))
            connection.execute(sqlalchemy.update(leader).values(holder="f" * 32, beat=1))
        begun = time.monotonic()
        jid = post(server, 1)
        assert ends(records, jid)
        assert has_leader(records, server)
        assert time.monotonic() - begun < TAKEOVER
