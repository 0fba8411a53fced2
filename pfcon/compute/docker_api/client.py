"""A connection to a Docker API; errors are translated to pfcon's. Imports the SDK, so it is imported on first use."""

import json
import logging
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import docker
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.utils import compare_version, kwargs_from_env, parse_host

from pfcon.compute.docker_api.faults import error_of, no_answer
from pfcon.compute.docker_api.http import (
    CONNECT_TIMEOUT,
    POOL_SIZE,
    READ_TIMEOUT,
    Answer,
    Asker,
    KeepAlive,
    TcpConnection,
    UnixConnection,
)
from pfcon.compute.docker_api.interruptible import InterruptibleConnections
from pfcon.compute.docker_api.settings import DockerSettings
from pfcon.compute.stopping import Stop
from pfcon.compute.words import plain
from pfcon.errors import Absent, Refused, Unreachable

logging.getLogger(docker.__name__).setLevel(logging.INFO)  # at DEBUG it has a line for each request

PULL_EVENT_TIMEOUT = 600.0  # seconds between two signs of progress
DEFAULT_HOST = "unix:///var/run/docker.sock"
_MAX_ERROR_BODY = 64 * 1024
_RETRY_PAUSES = (0.05, 0.1, 0.2, 0.4, None)  # seconds before a failed read is repeated; the last error is raised


class _Client(docker.APIClient):
    """The SDK's client with a separate timeout for connecting, and one for pulls, for which the SDK has none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.trust_env = False  # REQUESTS_CA_BUNDLE would override DOCKER_CERT_PATH
        for scheme in ("http://", "https://"):
            self.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=POOL_SIZE))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        read = kwargs.get("timeout")
        kwargs["timeout"] = (CONNECT_TIMEOUT, PULL_EVENT_TIMEOUT if read is None else read)
        return super().send(request, **kwargs)


@contextmanager
def translating_errors(where: str, *, verdict: bool = False) -> Iterator[None]:
    """A context that translates errors of the SDK and of connections to pfcon's (see ``faults``)."""
    try:
        yield
    except docker.errors.APIError as fault:
        raise error_of(fault.status_code or 500, str(fault.explanation or fault), verdict=verdict) from fault
    except docker.errors.DockerException as fault:
        raise Refused(f"the request to the container engine failed: {plain(str(fault))}") from fault
    except (OSError, HTTPException, urllib3.exceptions.HTTPError) as fault:  # requests' errors are OSErrors
        raise no_answer(where, fault) from fault


class ApiCalls:
    """The calls of a Docker API that docker and swarm share; each has a subclass with its own calls.

    Thread-safe, but not usable after a fork. The constructor requests the engine's version.
    podman: whether it is Podman's service of the API; release: its version, ``""`` if not reported.
    where: its address. pid: the id of the process that may use this.
    All methods may raise Absent, Conflict, Refused and Unreachable, see ``error_of``.
    """

    def __init__(self, settings: DockerSettings) -> None:
        self.where = settings.host or DEFAULT_HOST
        self.pid = os.getpid()
        try:
            self._client = self._open(settings)
        except docker.errors.DockerException as fault:
            raise Unreachable(f"DOCKER_HOST {self.where} can't be used: {plain(str(fault))}") from fault

    def _open(self, settings: DockerSettings) -> _Client:
        environment = {
            "DOCKER_HOST": settings.host or "",
            "DOCKER_TLS_VERIFY": "1" if settings.tls_verify else "",
            "DOCKER_CERT_PATH": str(settings.cert_path or ""),
        }
        options: dict[str, Any] = {
            **kwargs_from_env(environment),
            "timeout": READ_TIMEOUT,
            "max_pool_size": POOL_SIZE,
        }
        self._options = options
        with _Client(version=DEFAULT_DOCKER_API_VERSION, **options) as probe:
            self._ask = self._asker(probe)
            with translating_errors(self.where):
                served, self.podman, self.release = self._served()
        # compare_version is positive when its second argument is the newer one.
        newer = compare_version(DEFAULT_DOCKER_API_VERSION, served) > 0
        client = _Client(version=DEFAULT_DOCKER_API_VERSION if newer else served, **options)
        self._ask = self._asker(client)
        return client

    def _served(self) -> tuple[str, bool, str]:
        """Return the newest API version of the engine, whether it is Podman, and Podman's version (SystemPing).

        Podman's own version request takes a second on Debian: it looks up the packages of all its tools.
        """
        with self._ask("GET", "/_ping") as answer:
            answer.read()
            served = answer.headers.get("Api-Version") if answer.status < 400 else None
            if served:
                libpod = answer.headers.get("Libpod-Api-Version")
                return served, libpod is not None, libpod or ""
        with self._ask("GET", "/version") as answer:  # some proxies block the ping
            version = _json(answer)
        served = str(version.get("ApiVersion") or DEFAULT_DOCKER_API_VERSION)
        return served, _product(version) == "Podman", str(version.get("Version") or "")

    def _asker(self, client: _Client) -> Asker:
        tls = client.base_url.startswith("https:")
        address = urlsplit(parse_host(self.where, tls=tls))
        if address.scheme == "http+unix":
            return KeepAlive(lambda: UnixConnection(address.path)).ask
        if address.scheme == "http" and address.hostname and address.port:
            host, port = address.hostname, address.port
            return KeepAlive(lambda: TcpConnection(host, port)).ask
        return lambda method, path: _ask_session(client, method, path)

    @property
    def api_version(self) -> str:
        """The API version in use: the newest one that both sides support."""
        return str(self._client.api_version)

    @contextmanager
    def ask(self, method: str, *path: str, **query: Any) -> Iterator[Answer]:
        """Request a resource; its path is given in parts: ``ask("GET", "containers", id, "json")``.

        Repeated after an internal error of the engine: Podman 4.3 has them while a container starts or ends.
        """
        target = "/".join(["", f"v{self.api_version}", *(quote(part, safe="") for part in path)])
        if query:
            target += "?" + urlencode(query)
        for pause in _RETRY_PAUSES:
            with translating_errors(self.where), self._ask(method, target) as answer:
                if answer.status < 400:
                    yield answer
                    return
                fault = error_of(answer.status, _reason(answer))
            if answer.status != 500 or not isinstance(fault, Unreachable) or pause is None:
                raise fault
            time.sleep(pause)

    def get(self, *path: str, **query: Any) -> Any:
        """Return the JSON of a resource."""
        with self.ask("GET", *path, **query) as answer:
            try:
                return json.loads(answer.read())
            except ValueError as fault:
                raise Unreachable(
                    f"the service at {self.where} is not a container engine: {plain(str(fault))}"
                ) from fault

    def get_list(self, *path: str, **query: Any) -> Sequence[Any]:
        """Like ``get``, for a list. Raises Unreachable for another answer."""
        found = self.get(*path, **query)
        if not isinstance(found, list):
            raise Unreachable(f"the service at {self.where} is not a container engine: it returns no list of {path[0]}")
        return found

    def require_answer(self) -> None:
        """Raise Unreachable or Refused if the engine does not answer now. It is asked nothing that takes it time."""
        with translating_errors(self.where):
            self._served()

    def mountpoint(self, volume: str) -> str:
        """Return the path of a volume on the engine's host (VolumeInspect)."""
        with translating_errors(self.where):
            return str(self._client.inspect_volume(volume)["Mountpoint"])

    def labelled(self, label: str) -> list[dict[str, Any]]:
        """Return ContainerInspect of the running containers with a label, ``key`` or ``key=value``."""
        with translating_errors(self.where):
            listed = self._client.containers(filters={"label": label})
        return [self.inspect(container["Id"]) for container in listed]

    def inspect(self, container: str) -> dict[str, Any]:
        """ContainerInspect. Raises Unreachable for an answer that is not a container."""
        found = self.get("containers", container, "json")
        parts = [found.get(key) for key in ("Id", "Name", "Config", "State")] if isinstance(found, dict) else []
        if [type(part) for part in parts] != [str, str, dict, dict]:
            raise Unreachable(f"the container engine's answer about container {container} can't be read")
        known: dict[str, Any] = found
        return known

    def image_user(self, image: str) -> str:
        """Return the User of an image, ``""`` for none. Raises Absent for a missing image."""
        with translating_errors(self.where):
            inspect: Callable[..., dict[str, Any]] = self._client.inspect_image
            return (inspect(image).get("Config") or {}).get("User") or ""

    def has_image(self, image: str) -> bool:
        """Return whether the engine has an image."""
        try:
            self.image_user(image)
        except Absent:
            return False
        return True

    def pull(self, image: str, stop: Stop) -> Generator[dict[str, Any]]:
        """ImageCreate: yield its events; if the request is refused, the last event has an ``error``.

        ``stop`` closes the connection; then Docker ends the fetch.
        """
        connections = InterruptibleConnections()
        with (
            translating_errors(self.where),
            _Client(version=self.api_version, **self._options) as client,
            stop.interrupting(connections.shut_down),
        ):
            connections.attach(client.get_adapter(client.base_url))
            try:
                yield from client.pull(image, stream=True, decode=True)
            except docker.errors.DockerException as fault:
                yield {"error": str(getattr(fault, "explanation", "") or fault)}

    def product(self) -> str:
        """Return name and version of the engine, and the API version in use."""
        with translating_errors(self.where):
            version = self._client.version()
        return f"{_product(version)} {version['Version']} (API {self.api_version})"


@contextmanager
def _ask_session(client: _Client, method: str, path: str) -> Iterator[Answer]:
    """Make a request with the SDK's own connections, for TLS and ssh."""
    url = client.base_url + path
    with client.request(method, url, stream=True, timeout=READ_TIMEOUT) as response:
        yield response.raw


def _json(answer: Answer) -> dict[str, Any]:
    raw = answer.read()
    if answer.status >= 400:
        raise error_of(answer.status, plain(raw.decode("utf-8", "replace")))
    try:
        found: dict[str, Any] = json.loads(raw)
    except ValueError as fault:
        raise Unreachable(f"the service that answers is not a container engine: {plain(str(fault))}") from fault
    return found


def _product(version: dict[str, Any]) -> str:
    """Return the engine's name and version; Podman reports its name, Docker does not."""
    components = version.get("Components") or [{}]
    return "Podman" if "podman" in str(components[0].get("Name")).lower() else "Docker"


def _reason(answer: Answer) -> str:
    body = answer.read(_MAX_ERROR_BODY).decode("utf-8", "replace")
    try:
        return str(json.loads(body)["message"])
    except (ValueError, TypeError, KeyError):  # the answer of a proxy is not JSON
        return body
