"""Where images come from: a registry on loopback, and pfcon's own image, which runs operations too."""

import os
from pathlib import Path

from .clusters import find_kubernetes
from .docker_api import client_of, find_docker, find_podman, find_podman_rootless, find_swarm, holding
from .http_service import require_answer
from .need import Unanswered, Unavailable, found, need

_ENGINES = {
    "docker": find_docker,
    "podman": find_podman,
    "podman-rootless": find_podman_rootless,
    "swarm": find_swarm,
    "kubernetes": find_kubernetes,
}
_OP_IMAGE_ADVICE = "build it (tests/engines/operations_image.sh) and set PFCON_TEST_OP_IMAGE to its name"


def registry(engine: str) -> str:
    """HOST:PORT of an image registry that this engine (docker or podman) pulls from; skips or fails without one."""
    need(engine, _ENGINES[engine])
    registry_host()
    return need("registry", _find_registry_of, engine)


def registry_host() -> str:
    """HOST:PORT of an image registry on loopback, for what fetches images without an engine's help (Slurm's skopeo)."""
    return need("registry", _find_registry)


def op_image(engine: str = "docker") -> str:
    """Name of pfcon's own image, which runs operations too, on an engine; skips or fails the test without one."""
    need(engine, _ENGINES[engine])
    image = need("operations_image", _find_op_image)
    if engine == "kubernetes":  # its nodes have to hold it: no cluster can be asked
        return image
    return need("operations_image", _find_op_image_of, engine)


def mpi_image() -> str:
    """Name of an image with Open MPI in PFCON_TEST_SLURM_IMAGES; skips or fails the test without one."""
    return need("mpi_image", _find_mpi_image)


def _find_mpi_image() -> str:
    image = os.environ.get("PFCON_TEST_MPI_IMAGE", "")
    if not image or not Path(os.environ.get("PFCON_TEST_SLURM_IMAGES", ""), image.replace(":", "/")).is_dir():
        raise Unavailable("no image with Open MPI for Slurm; tests/engines/mpi_image.sh makes one")
    return image


def _find_registry() -> str:
    host = os.environ.get("PFCON_TEST_REGISTRY")
    advice = "no image registry; start one (tests/engines/registry.sh) and set PFCON_TEST_REGISTRY to its HOST:PORT"
    if not host:
        raise Unavailable(advice)
    require_answer(f"http://{host}/v2/", advice, good=True)
    return host


def _find_registry_of(engine: str) -> str:
    """The registry, where the engine speaks plain HTTP to it: Docker does on loopback, Podman when configured."""
    import docker
    from requests.exceptions import RequestException

    host, url = found(_find_registry), found(_ENGINES[engine])
    client = client_of(url, f"{engine} does not answer")
    try:
        events = client.pull(f"{host}/pfcon/none:1", stream=True, decode=True)
        refusal = " ".join(str(event.get("error", "")) for event in events)
    except docker.errors.APIError as fault:
        refusal = str(fault.explanation)
    except RequestException as fault:
        refusal = str(fault)
    finally:
        client.close()
    if "manifest unknown" not in refusal and "name unknown" not in refusal:
        raise Unanswered(f"{engine} at {url} does not pull from {host} (registries.conf, tests/engines): {refusal}")
    return host


def _find_op_image() -> str:
    image = os.environ.get("PFCON_TEST_OP_IMAGE")
    if not image:
        raise Unavailable(f"no image of pfcon; {_OP_IMAGE_ADVICE}")
    return image


def _find_op_image_of(engine: str) -> str:
    """The image, where the engine holds it."""
    image = found(_find_op_image)
    holding(found(_ENGINES[engine]), image, f"{engine} does not answer", _OP_IMAGE_ADVICE)
    return image
