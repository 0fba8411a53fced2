"""Bare loops over the Docker SDK with one shared client: what pfcon's answers are put beside."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.faults import Broken
from benchmarks.load import Load

LOG_LINES = 1000  # as JOB_LOGS_TAIL


def connect(url: str, clients: int = 1) -> Any:
    """An APIClient that keeps a connection for each thread."""
    import docker

    return docker.APIClient(base_url=url, version="auto", max_pool_size=clients, timeout=120)


def ask_status(url: str, container: str, clients: int, seconds: float) -> Load:
    """Inspect a container and read its log, again and again, in ``clients`` threads.

    ``logs`` of the SDK inspects once more, to learn whether there is a terminal: that is three calls a turn.
    """
    client = connect(url, clients)

    def turn() -> None:
        state = client.inspect_container(container)["State"]["Status"]
        if state != "running" or not client.logs(container, tail=LOG_LINES):
            raise Broken(f"the container is {state}, or has no log")

    turn()
    load = _loop(turn, clients, seconds)
    client.close()
    return load


def _loop(turn: Callable[[], None], clients: int, seconds: float) -> Load:
    load = Load()
    cpu, begun = time.process_time(), time.perf_counter()

    def work() -> None:
        while (started := time.perf_counter()) < begun + seconds:
            turn()
            load.seconds.append(time.perf_counter() - started)

    with ThreadPoolExecutor(clients) as pool:
        for result in [pool.submit(work) for _ in range(clients)]:
            result.result()
    load.wall, load.cpu = time.perf_counter() - begun, time.process_time() - cpu
    return load


def run_containers(url: str, bodies: Sequence[tuple[str, dict[str, Any]]], clients: int) -> float:
    """Create and start containers of these names and bodies; seconds for all."""
    client = connect(url, clients)

    def run(name: str, body: dict[str, Any]) -> None:
        client.start(client.create_container_from_config(body, name)["Id"])

    client.ping()
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for result in [pool.submit(run, name, body) for name, body in bodies]:
            result.result()
    seconds = time.perf_counter() - begun
    client.close()
    return seconds


def remove_labelled(url: str, label: str) -> None:
    """Remove all containers with a label, running or not."""
    client = connect(url)
    for found in client.containers(all=True, filters={"label": label}):
        client.remove_container(found["Id"], force=True)
    client.close()


def remove_services(url: str, name: str) -> None:
    """Remove all services of a Swarm whose names contain a text."""
    client = connect(url)
    for found in client.services(filters={"name": name}):
        if name in found["Spec"]["Name"]:
            client.remove_service(found["ID"])
    client.close()
