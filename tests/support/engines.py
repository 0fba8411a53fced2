"""Finds the engines, databases and other programs that tests run against, by environment.

PFCON_TEST_DOCKER, PFCON_TEST_PODMAN   URLs as in DOCKER_HOST
PFCON_TEST_PODMAN_ROOTLESS             such a URL, of a Podman of another user than root
PFCON_TEST_SWARM                       such a URL, of a manager of a Swarm of one node
PFCON_TEST_IMAGE                       image of the test jobs, present on these engines
PFCON_TEST_KUBECONFIG                  kubeconfig of a cluster whose nodes hold the test image
PFCON_TEST_KUBERNETES_STOREBASE        where the volume of the tests' claim is on this machine
PFCON_TEST_POSTGRESQL                  an SQLAlchemy URL
PFCON_TEST_REGISTRY                    HOST:PORT of an image registry on loopback, without TLS
PFCON_TEST_OP_IMAGE                    pfcon's own image, also for copy, upload and delete jobs, present on both engines
PFCON_TEST_SLURM_CGROUP, PFCON_TEST_SLURM_PLAIN   slurm.conf of a cluster of this machine, with and without cgroups
PFCON_TEST_SLURM_IMAGES                directory with the test image, as SLURM_IMAGES has it
PFCON_TEST_SWIFT                       URL of a Swift's auth version 1, which knows the user of support.object_stores
PFCON_TEST_S3                          URL of an S3 service, which knows the same
PFCON_TEST_SWIFT_PYTHON                a Python that dev/swift_server.py runs on
PFCON_TEST_KUBECTL                     path of a kubectl, where the one on PATH is too old
PFCON_TEST_CLIENT4                     directory that holds the package pfconclient of python-pfconclient 4
PFCON_TEST_REQUIRE                     names separated by blanks: one of these that does not answer fails its tests
"""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

IMAGE = os.environ.get("PFCON_TEST_IMAGE", "local/pfcon-test:1")


class Unavailable(Exception):
    """Why an engine can't be used, and how to get it."""


def docker_url() -> str:
    """URL of a Docker engine that holds the test image; skips or fails the test where there is none."""
    return _available("docker")


def podman_rootless_url() -> str:
    """URL of a rootless Podman that holds the test image; skips or fails the test where there is none."""
    return _available("podman-rootless")


def podman_url() -> str:
    """URL of a Podman service that holds the test image; skips or fails the test where there is none."""
    return _available("podman")


def swarm_url() -> str:
    """URL of a Swarm manager that holds the test image; skips or fails the test where there is none."""
    return _available("swarm")


def kubernetes_cluster() -> tuple[str, str]:
    """Of a Kubernetes cluster: a kubeconfig, and where the tests' claim is on this machine; skips or fails without."""
    kubeconfig = _available("kubernetes")
    return kubeconfig, os.environ["PFCON_TEST_KUBERNETES_STOREBASE"]


def slurm_cluster(mode: str) -> str:
    """The slurm.conf of a cluster, ``cgroup`` or ``plain``; skips or fails the test where there is none."""
    return _available("slurm", mode)


def postgresql_url() -> str:
    """SQLAlchemy URL of a PostgreSQL database; skips or fails the test where there is none.

    Processes that run tests side by side get a schema each.
    """
    url = _available("postgresql")
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return _own_schema(url, f"pfcon_test_{worker}") if worker else url


@functools.cache
def _own_schema(url: str, schema: str) -> str:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    engine.dispose()
    own = sqlalchemy.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    return own.render_as_string(hide_password=False)


def registry(engine: str) -> str:
    """HOST:PORT of an image registry that this engine (docker or podman) pulls from; skips or fails without one."""
    _available(engine)
    _available("registry")
    return _available("registry", engine)


def registry_host() -> str:
    """HOST:PORT of an image registry on loopback, for what fetches images without an engine's help (Slurm's skopeo)."""
    return _available("registry")


def op_image(engine: str = "docker") -> str:
    """Name of pfcon's own image, which runs operations too, on an engine; skips or fails the test without one."""
    _available(engine)
    _available("operations_image")
    return _available("operations_image", engine)


def swift_url() -> str:
    """Auth URL of a Swift; skips or fails the test where there is none."""
    return _available("swift")


def s3_url() -> str:
    """Endpoint URL of an S3 service; skips or fails the test where there is none."""
    return _available("s3")


def swift_python() -> str:
    """A Python that dev/swift_server.py runs on; skips or fails (name ``swift``) the test where there is none."""
    _available("swift")
    return _available("swift", "python")


def kubectl() -> str:
    """A kubectl whose kustomize knows components; skips or fails the test without one."""
    return _available("kubectl")


def client4() -> str:
    """Directory for a PYTHONPATH, with the released python-pfconclient 4; skips or fails the test without one."""
    return _available("pfconclient4")


def _available(name: str, engine: str = "") -> str:
    try:
        return _find(f"{name} {engine}".strip())
    except Unavailable as fault:
        if name in os.environ.get("PFCON_TEST_REQUIRE", "").split():
            pytest.fail(f"{name} is in PFCON_TEST_REQUIRE, but {fault}", pytrace=False)
        pytest.skip(str(fault))


def _find(name: str) -> str:
    found = _probe(name)
    if isinstance(found, Unavailable):
        raise found
    return found


@functools.cache
def _probe(name: str) -> str | Unavailable:
    """Ask once in a test run."""
    try:
        return _FINDERS[name]()
    except Unavailable as fault:
        return fault


def _find_docker() -> str:
    configured = os.environ.get("PFCON_TEST_DOCKER") or os.environ.get("DOCKER_HOST")
    url = configured or "unix:///var/run/docker.sock"
    return _with_image(url, "no Docker engine; start one and set PFCON_TEST_DOCKER to its URL")


def _find_podman() -> str:
    advice = "no Podman service; run `podman system service` and set PFCON_TEST_PODMAN to its URL"
    configured = os.environ.get("PFCON_TEST_PODMAN")
    if configured:
        return _with_image(configured, advice)
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    sockets = [Path(runtime, "podman/podman.sock")] if runtime else []
    for socket in [*sockets, Path("/run/podman/podman.sock")]:
        if socket.exists():
            return _with_image(f"unix://{socket}", advice)
    raise Unavailable(advice)


def _find_podman_rootless() -> str:
    url = os.environ.get("PFCON_TEST_PODMAN_ROOTLESS")
    advice = "start one (tests/engines/podman_rootless.sh) and set PFCON_TEST_PODMAN_ROOTLESS to its URL"
    if not url:
        raise Unavailable(f"no rootless Podman; {advice}")
    return _with_image(url, advice)


def _with_image(url: str, advice: str) -> str:
    advice_for_image = "build it there (tests/engines/image.sh) or set PFCON_TEST_IMAGE"
    return _holding(url, IMAGE, advice, advice_for_image)


def _holding(url: str, image: str, advice: str, advice_for_image: str) -> str:
    import docker
    from requests.exceptions import RequestException

    try:
        client = docker.APIClient(base_url=url, timeout=10, version="auto")
    except docker.errors.DockerException as fault:
        raise Unavailable(f"{advice} ({url}: {fault})") from fault
    try:
        client.inspect_image(image)
    except docker.errors.ImageNotFound as fault:
        raise Unavailable(f"{url} has no image {image}; {advice_for_image}") from fault
    except (docker.errors.DockerException, RequestException) as fault:
        raise Unavailable(f"{advice} ({url}: {fault})") from fault
    finally:
        client.close()
    return url


def _find_swarm() -> str:
    """Only where it is named: a Swarm at DOCKER_HOST may be one that people work with."""
    import docker

    advice = "no Swarm; start one (tests/engines/swarm.sh) and set PFCON_TEST_SWARM to the URL of its manager"
    url = os.environ.get("PFCON_TEST_SWARM")
    if not url:
        raise Unavailable(advice)
    url = _with_image(url, advice)
    client = docker.APIClient(base_url=url, timeout=30, version="auto")
    try:
        client.nodes()
    except docker.errors.APIError as fault:
        raise Unavailable(f"{advice} ({fault.explanation})") from fault
    finally:
        client.close()
    return url


def _find_kubernetes() -> str:
    """Only where it is named: the cluster of ~/.kube/config may be one that people work with."""
    from pfcon.compute.kubernetes.engine import KubernetesEngine
    from pfcon.errors import PfconError

    from .kubernetes import kubernetes_settings

    advice = "no Kubernetes; start one (tests/engines/kubernetes.sh) or see there which variables name one"
    kubeconfig, storebase = (os.environ.get(f"PFCON_TEST_{name}") for name in ("KUBECONFIG", "KUBERNETES_STOREBASE"))
    if not kubeconfig or not storebase:
        raise Unavailable(f"{advice}: PFCON_TEST_KUBECONFIG and PFCON_TEST_KUBERNETES_STOREBASE")
    if not Path(storebase).is_dir():
        raise Unavailable(f"PFCON_TEST_KUBERNETES_STOREBASE={storebase} is no directory of this machine; {advice}")
    try:
        KubernetesEngine(kubernetes_settings(kubeconfig), Path(storebase)).check()
    except PfconError as fault:
        raise Unavailable(f"{advice} ({fault})") from fault
    return kubeconfig


def _find_slurm(mode: str) -> str:
    advice = "no Slurm; start it (tests/engines/slurm.sh, then image.sh)"
    name = f"PFCON_TEST_SLURM_{mode.upper()}"
    conf, images = os.environ.get(name), os.environ.get("PFCON_TEST_SLURM_IMAGES")
    if not conf or not images:
        raise Unavailable(f"{advice} and set {name} and PFCON_TEST_SLURM_IMAGES")
    if not Path(images, IMAGE.replace(":", "/")).is_dir():
        raise Unavailable(f"PFCON_TEST_SLURM_IMAGES={images} does not hold {IMAGE}; {advice}")
    environ = {**os.environ, "SLURM_CONF": conf}
    done = subprocess.run(["sinfo", "-h"], env=environ, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise Unavailable(f"{advice} ({conf}: {done.stderr.strip()})")
    return conf


def _find_postgresql() -> str:
    import sqlalchemy

    url = os.environ.get("PFCON_TEST_POSTGRESQL")
    if not url:
        raise Unavailable("no PostgreSQL; set PFCON_TEST_POSTGRESQL to an SQLAlchemy URL (postgresql+psycopg://…)")
    engine = sqlalchemy.create_engine(url)
    try:
        engine.connect().close()
    except sqlalchemy.exc.SQLAlchemyError as fault:
        raise Unavailable(f"PostgreSQL at PFCON_TEST_POSTGRESQL does not answer: {fault}") from fault
    finally:
        engine.dispose()
    return url


def _find_registry() -> str:
    import requests

    advice = "no image registry; start one (tests/engines/registry.sh) and set PFCON_TEST_REGISTRY to its HOST:PORT"
    host = os.environ.get("PFCON_TEST_REGISTRY")
    if not host:
        raise Unavailable(advice)
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the internet does not know our loopback
            session.get(f"http://{host}/v2/", timeout=10).raise_for_status()
    except requests.RequestException as fault:
        raise Unavailable(f"{advice} ({fault})") from fault
    return host


def _find_registry_of(engine: str) -> str:
    """The registry, where the engine speaks plain HTTP to it: Docker does on loopback, Podman when configured."""
    import docker

    host, url = _find("registry"), _find(engine)
    client = docker.APIClient(base_url=url, timeout=30, version="auto")
    try:
        events = client.pull(f"{host}/pfcon/none:1", stream=True, decode=True)
        refusal = " ".join(str(event.get("error", "")) for event in events)
    except docker.errors.APIError as fault:
        refusal = str(fault.explanation)
    finally:
        client.close()
    if "manifest unknown" not in refusal and "name unknown" not in refusal:
        raise Unavailable(f"{engine} at {url} does not pull from {host} (registries.conf, tests/engines): {refusal}")
    return host


_OP_IMAGE_ADVICE = "build it (tests/engines/operations_image.sh) and set PFCON_TEST_OP_IMAGE to its name"


def _find_op_image() -> str:
    image = os.environ.get("PFCON_TEST_OP_IMAGE")
    if not image:
        raise Unavailable(f"no image of pfcon; {_OP_IMAGE_ADVICE}")
    return image


def _find_op_image_of(engine: str) -> str:
    """The image, where the engine holds it."""
    image = _find("operations_image")
    _holding(_find(engine), image, f"{engine} does not answer", _OP_IMAGE_ADVICE)
    return image


def _find_swift() -> str:
    return _answering("PFCON_TEST_SWIFT", "Swift")


def _find_s3() -> str:
    return _answering("PFCON_TEST_S3", "S3")


def _answering(variable: str, what: str) -> str:
    """The URL that the variable holds, where a store answers with anything at all."""
    import requests

    advice = f"no {what}; start one (tests/engines/swift.sh) and set {variable} to its URL"
    url = os.environ.get(variable)
    if not url:
        raise Unavailable(advice)
    try:
        with requests.Session() as session:
            session.trust_env = False  # as above
            session.get(url, timeout=10)
    except requests.RequestException as fault:
        raise Unavailable(f"{advice} ({fault})") from fault
    return url


def _find_swift_python() -> str:
    python = os.environ.get("PFCON_TEST_SWIFT_PYTHON")
    if not python or not os.access(python, os.X_OK):
        advice = "tests/engines/swift.sh makes one; set PFCON_TEST_SWIFT_PYTHON to its path"
        raise Unavailable(f"no Python with Swift for a server of the test's own; {advice}")
    return python


def _find_client4() -> str:
    name = os.environ.get("PFCON_TEST_CLIENT4")
    if not name:
        advice = "pip install --no-deps --target DIR python-pfconclient==4.0.0, and set PFCON_TEST_CLIENT4 to DIR"
        raise Unavailable(f"no python-pfconclient 4; tests/run.sh installs it, or: {advice}")
    directory = Path(name).resolve()
    if not (directory / "pfconclient/client.py").is_file():
        raise Unavailable(f"PFCON_TEST_CLIENT4={name} holds no package pfconclient; tests/run.sh installs it")
    return str(directory)


def _find_kubectl() -> str:
    program = os.environ.get("PFCON_TEST_KUBECTL") or shutil.which("kubectl")
    if not program:
        raise Unavailable("no kubectl; install one (tests/engines/kubectl.sh) and set PFCON_TEST_KUBECTL to its path")
    told = subprocess.run([program, "version", "--client"], capture_output=True, text=True, timeout=60, check=False)
    if not re.search(r"Kustomize Version: v[5-9]", told.stdout):
        raise Unavailable(f"{program} is too old: its kustomize is older than version 5")
    return program


_FINDERS: dict[str, Callable[[], str]] = {
    "docker": _find_docker,
    "podman": _find_podman,
    "podman-rootless": _find_podman_rootless,
    "swarm": _find_swarm,
    "kubernetes": _find_kubernetes,
    "slurm cgroup": lambda: _find_slurm("cgroup"),
    "slurm plain": lambda: _find_slurm("plain"),
    "postgresql": _find_postgresql,
    "registry": _find_registry,
    "operations_image": _find_op_image,
    "operations_image docker": lambda: _find_op_image_of("docker"),
    "operations_image podman": lambda: _find_op_image_of("podman"),
    "operations_image podman-rootless": lambda: _find_op_image_of("podman-rootless"),
    "operations_image kubernetes": _find_op_image,  # its nodes have to hold it: no cluster can be asked
    "operations_image swarm": lambda: _find_op_image_of("swarm"),
    "kubectl": _find_kubectl,
    "pfconclient4": _find_client4,
    "swift": _find_swift,
    "s3": _find_s3,
    "registry docker": lambda: _find_registry_of("docker"),
    "registry podman": lambda: _find_registry_of("podman"),
    "swift python": _find_swift_python,
}
