"""A live server of a test's own, with an engine and a storage."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.engines import docker_url, podman_url, swarm_url
from support.htcondor import htcondor_environ
from support.live import LiveServer
from support.slurm import slurm_environ

URLS = {"docker": docker_url, "podman": podman_url, "swarm": swarm_url}


@contextmanager
def serve(engine: str, storage: str, **settings: str) -> Iterator[LiveServer]:
    """``pfcon serve`` with that engine and storage."""
    innetwork = str(storage != "zipfile").lower()
    environ = {"CONTAINER_ENV": engine, "STORAGE_ENV": storage, "PFCON_INNETWORK": innetwork, **settings}
    if engine == "slurm":
        environ = {**slurm_environ(), **environ}
    elif engine == "htcondor":
        environ = {**htcondor_environ(), **environ}
    elif engine != "process":
        environ["DOCKER_HOST"] = URLS[engine]()
    with tempfile.TemporaryDirectory(prefix="pfcon-client-", ignore_cleanup_errors=True) as name:
        storebase = Path(name, "storeBase")
        storebase.mkdir()
        Path(name).chmod(0o755)
        with LiveServer(storebase, environ) as server:
            yield server
