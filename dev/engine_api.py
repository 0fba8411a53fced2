"""The few calls of the Docker API that the scripts need, with nothing but Python's standard library.

Docker and Podman both serve it. URLs are those of DOCKER_HOST: ``unix:///path`` or ``tcp://HOST:PORT`` without TLS.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import socket
import sys
from typing import IO, Any
from urllib.parse import quote, urlencode, urlsplit

BLOCK = 256 * 1024
PROBE_SECONDS = 20.0  # for the first answer: of several sockets, some may be silent for ever
ANSWER_SECONDS = 60.0  # for what is asked of an engine that has answered
COMMANDS = (
    *("probe", "has", "import", "build", "copy", "remove-image", "remove-stages"),
    *("remove-jobs", "remove-services"),
)
WORK_SECONDS = 300.0  # an import of a large image, or the end of a job that does not want to


class Fault(Exception):
    """Why an engine did not do what was asked, in words for the user."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect. Raises OSError."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def connect(url: str, timeout: float) -> http.client.HTTPConnection:
    """A connection that opens on its first request. Raises Fault for a URL of another kind. timeout: seconds."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return UnixConnection(parts.path, timeout)
    if parts.scheme in ("tcp", "http") and parts.hostname:
        return http.client.HTTPConnection(parts.hostname, parts.port or 2375, timeout=timeout)
    raise Fault(f"{url} is neither unix:///PATH nor tcp://HOST:PORT")


def call(url: str, method: str, path: str, body: IO[bytes] | None = None, timeout: float = WORK_SECONDS) -> bytes:
    """One request; gives back the answer's body. Raises Fault with the engine's reason, LookupError for a 404."""
    connection = connect(url, timeout)
    headers = {"Content-Type": "application/x-tar"} if body else {}
    try:
        connection.request(method, path, body=body, headers=headers)  # a stream goes out in chunks
        answer = connection.getresponse()
        content = answer.read()
    except (OSError, http.client.HTTPException) as fault:
        raise Fault(f"{url} does not answer: {fault}") from fault
    finally:
        connection.close()
    if answer.status == http.client.NOT_FOUND:
        raise LookupError(reason(content))
    if answer.status >= http.client.BAD_REQUEST:
        raise Fault(f"{url} refused {method} {path}: {answer.status} {reason(content)}")
    return content


def reason(content: bytes) -> str:
    """The text of an error answer."""
    try:
        return str(json.loads(content)["message"])
    except (ValueError, KeyError, TypeError):
        return content[:500].decode("utf-8", "replace").strip()


def probe(url: str) -> str:
    """``KIND VERSION PRIVILEGE``: docker or podman, rootful or rootless, and what else matters. Raises Fault."""
    try:
        version = json.loads(call(url, "GET", "/version", timeout=PROBE_SECONDS))
        parts = {part["Name"]: part for part in version.get("Components") or []}
        podman = parts.get("Podman Engine")
        if podman:
            return f"podman {podman['Version']} {_podman_privilege(url, podman['Details']['APIVersion'])}"
        info = json.loads(call(url, "GET", "/info", timeout=ANSWER_SECONDS))
        rootless = any("rootless" in option for option in info.get("SecurityOptions") or [])
        manager = (info.get("Swarm") or {}).get("ControlAvailable")
    except (LookupError, ValueError, TypeError, AttributeError) as fault:
        raise Fault(f"{url} answers, but not as Docker or Podman do") from fault
    told = f"docker {version.get('Version', 'unknown')} {'rootless' if rootless else 'rootful'}"
    return told + (", manager of a Swarm" if manager else "")


def _podman_privilege(url: str, version: str) -> str:
    """From Podman's own API (SystemInfoLibpod): its Docker API hides both."""
    host = json.loads(call(url, "GET", f"/v{version}/libpod/info", timeout=ANSWER_SECONDS))["host"]
    privilege = "rootless" if host["security"]["rootless"] else "rootful"
    missing = [name for name in ("cpu", "memory", "pids") if name not in host["cgroupControllers"]]
    return privilege + (f", which can't limit {', '.join(missing)} of jobs" if missing else "")


def has_image(url: str, image: str, label: str = "") -> bool:
    """Whether the engine holds the image, with that label ``KEY=VALUE`` where one is given. Raises Fault."""
    try:
        found = json.loads(call(url, "GET", f"/images/{quote(image)}/json", timeout=ANSWER_SECONDS))
    except LookupError:
        return False
    labels = (found.get("Config") or {}).get("Labels") or {}
    return not label or label in (f"{key}={value}" for key, value in labels.items())


def import_image(url: str, image: str, tar: IO[bytes], label: str = "", workdir: str = "") -> None:
    """Make a one-layer image of a tar stream, as ``docker import -`` does. workdir: where it starts. Raises Fault."""
    # Podman 4.3 ignores the parameter ``tag`` here; both take the tag as a part of the name.
    path = f"/images/create?fromSrc=-&repo={quote(image, safe='')}"
    if label:
        path += f"&changes={quote(f'LABEL {label}')}"
    if workdir:
        path += f"&changes={quote(f'WORKDIR {workdir}')}"
    for line in call(url, "POST", path, body=tar).splitlines():
        progress: dict[str, Any] = json.loads(line) if line.strip() else {}
        if "error" in progress:  # it comes with status 200
            raise Fault(f"{url} did not import {image}: {progress['error']}")
    if not has_image(url, image, label):
        raise Fault(f"{url} took the import of {image}, but does not know it")


def build_image(url: str, image: str, context: IO[bytes], arguments: dict[str, str]) -> None:
    """Build the Dockerfile at the top of a tar stream with these build arguments. Raises Fault."""
    options = {"t": image, "buildargs": json.dumps(arguments), "rm": "1", "forcerm": "1"}
    for line in call(url, "POST", f"/build?{urlencode(options)}", body=context).splitlines():
        progress: dict[str, Any] = json.loads(line) if line.strip() else {}
        print(progress.get("stream", ""), end="")
        if "error" in progress:  # it comes with status 200
            raise Fault(f"{url} did not build {image}: {progress['error'].strip()}")
    if not has_image(url, image):
        raise Fault(f"{url} took the build of {image}, but does not know it")


def copy_image(url: str, image: str, source: str) -> None:
    """Have an image of the engine ``source`` in the engine ``url`` too. Raises Fault."""
    connection = connect(source, WORK_SECONDS)
    try:
        connection.request("GET", f"/images/{quote(image)}/get")
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise Fault(f"{source} did not give {image}: {answer.status} {reason(answer.read())}")
        call(url, "POST", "/images/load", body=answer)
    except (OSError, http.client.HTTPException) as fault:
        raise Fault(f"{source} does not answer: {fault}") from fault
    finally:
        connection.close()
    if not has_image(url, image):
        raise Fault(f"{url} took {image}, but does not know it")


def remove_image(url: str, image: str) -> bool:
    """Remove an image; False where there was none. Raises Fault."""
    try:
        call(url, "DELETE", f"/images/{quote(image)}?force=1")
    except LookupError:
        return False
    return True


def remove_stages(url: str, label: str) -> None:
    """Remove what builds left without a name, of images that have the label KEY=VALUE. Raises Fault."""
    call(url, "POST", f"/images/prune?filters={quote(json.dumps({'dangling': ['true'], 'label': [label]}))}")


def remove_jobs(url: str, label: str) -> list[str]:
    """Kill and remove the containers that have a label ``KEY=VALUE``; gives back their names. Raises Fault."""
    wanted = quote(json.dumps({"label": [label]}))
    removed = []
    for container in json.loads(call(url, "GET", f"/containers/json?all=1&filters={wanted}")):
        try:
            call(url, "DELETE", f"/containers/{container['Id']}?force=1&v=1")
        except LookupError:
            continue  # it went by itself
        removed.append((container.get("Names") or [container["Id"]])[0].lstrip("/"))
    return removed


def pair(text: str) -> tuple[str, str]:
    """NAME and VALUE of a word NAME=VALUE. Raises ValueError."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise ValueError(text)
    return name, value


def remove_services(url: str, label: str) -> list[str]:
    """Remove the services of a Swarm that have a label ``KEY=VALUE``; gives back their names. Raises Fault."""
    wanted = quote(json.dumps({"label": [label]}))
    services = json.loads(call(url, "GET", f"/services?filters={wanted}"))
    for service in services:
        with contextlib.suppress(LookupError):  # it went by itself
            call(url, "DELETE", f"/services/{service['ID']}")
    return [service["Spec"]["Name"] for service in services]


def run(arguments: argparse.Namespace) -> bool:
    """Do one command; whether it was done, or the answer is yes. Raises Fault."""
    url, argument = arguments.url, arguments.argument
    if arguments.command == "has":
        return has_image(url, argument, arguments.label)
    if arguments.command == "remove-image":
        return remove_image(url, argument)
    if arguments.command == "probe":
        print(probe(url))
    elif arguments.command == "import":
        import_image(url, argument, sys.stdin.buffer, arguments.label, arguments.workdir)
    elif arguments.command == "build":
        build_image(url, argument, sys.stdin.buffer, dict(arguments.set))
    elif arguments.command == "copy":
        copy_image(url, argument, arguments.source)
    elif arguments.command == "remove-stages":
        remove_stages(url, argument)
    else:
        remove = remove_services if arguments.command == "remove-services" else remove_jobs
        for name in remove(url, argument):
            print(name)
    return True


def main(words: list[str] | None = None) -> int:
    """The command line; exit status 1 for no, 2 with a line on stderr when the engine does not answer or refuses."""
    parser = argparse.ArgumentParser(prog="engine_api.py", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("url", help="as in DOCKER_HOST")
    parser.add_argument("argument", nargs="?", default="", help="NAME:TAG of an image, or KEY=VALUE of a label")
    parser.add_argument("--label", default="", metavar="KEY=VALUE", help="(has, import) of the image")
    parser.add_argument("--workdir", default="", metavar="PATH", help="(import) the image's working directory")
    parser.add_argument("--from", dest="source", default="", metavar="URL", help="(copy) the engine that has the image")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", type=pair, help="(build) a build argument"
    )
    arguments = parser.parse_args(words)
    if arguments.command != "probe" and not arguments.argument:
        parser.error(f"{arguments.command} needs an argument")
    try:
        return 0 if run(arguments) else 1
    except (Fault, LookupError) as fault:
        print(fault, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
