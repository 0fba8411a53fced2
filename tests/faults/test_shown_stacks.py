"""An administrator sees what a request that hangs waits for."""

import os
import signal

from support.live import LiveServer, StartServer

from pfcon.testing.waiting import eventually

LOOP, TICKERS = "front/worker.py", "background.py"  # what a worker's threads run while nobody asks


def shows_its_threads(server: LiveServer, worker: int) -> bool:
    """Ask for it, and look at what has been printed for earlier questions."""
    os.kill(worker, signal.SIGUSR2)
    text = server.log_path.read_text()
    return LOOP in text and text.count(TICKERS) >= 3


def test_sigusr2_prints_the_stacks_of_a_worker_and_disturbs_nothing(start_server: StartServer) -> None:
    server = start_server(PFCON_WORKERS="1")
    [worker] = server.worker_pids
    assert eventually(lambda: shows_its_threads(server, worker))
    assert server.answers()
    assert server.worker_pids == [worker]
