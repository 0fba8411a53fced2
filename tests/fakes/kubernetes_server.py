"""The fake cluster's API server, over HTTP on loopback: Jobs, pods, their logs, and watches."""

import contextlib
import copy
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from support.ports import free_port
from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from pfcon.paths import StoreBase

from .kubernetes_cluster import Cluster
from .kubernetes_generations import TODAY, Generation
from .kubernetes_nodes import state_of
from .kubernetes_objects import Json, Kind, Refusal, check_job, merge, now, selects

KINDS = {"jobs": "Job", "pods": "Pod"}
API = {"jobs": "batch/v1", "pods": "v1"}


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing: it would be another test's stderr."""


class FakeKubernetes:
    """The server; a context manager. ``requests``: what was asked, as method and path with its query.

    ``broken``: beginnings of such, and the codes that they are answered with, unheard.
    """

    def __init__(
        self, storebase: StoreBase, *, claim: str, namespace: str, image: str, generation: Generation = TODAY
    ) -> None:
        self.cluster = Cluster(
            storebase,
            claims={claim, "data"},
            namespaces={namespace, "default"},
            images={image, "localhost/busybox:1"},
            generation=generation,
        )
        self.requests: list[str] = []
        self.broken: dict[str, int] = {}
        self.port = free_port()  # the same one after a halt
        self._server: BaseWSGIServer | None = None
        self._serving: threading.Thread | None = None
        self._open: set[socket.socket] = set()

    def __enter__(self) -> "FakeKubernetes":
        self.cluster.start()
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.halt()
        self.cluster.stop()

    def begin(self) -> None:
        """Listen, at the same port as before."""
        opened = self._open = set()

        class Handler(_Quiet):
            def setup(self) -> None:
                super().setup()
                opened.add(self.connection)

            def finish(self) -> None:
                opened.discard(self.connection)
                super().finish()

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:  # the other side, or ``halt``, has closed it
                    self.close_connection = True

        app = Request.application(self._answer)
        self._server = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=Handler)
        assert isinstance(self._server, ThreadedWSGIServer)
        self._server.daemon_threads = False  # joined by server_close
        self._serving = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._serving.start()

    def halt(self) -> None:
        """Stop answering: whoever asks is refused, and what is open breaks off. The cluster goes on."""
        assert self._server
        assert self._serving
        server, self._server = self._server, None
        server.shutdown()
        self._serving.join()
        server.socket.close()
        with self.cluster.objects.changed:
            self.cluster.objects.changed.notify_all()  # those who watch look whether they still may
        for connection in list(self._open):
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        server.server_close()

    def kubeconfig(self, path: Path) -> str:
        """Write how to reach it."""
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "fake",
                    "clusters": [{"name": "fake", "cluster": {"server": f"http://127.0.0.1:{self.port}"}}],
                    "users": [{"name": "fake", "user": {"token": "t"}}],
                    "contexts": [{"name": "fake", "context": {"cluster": "fake", "user": "fake"}}],
                }
            )
        )
        return str(path)

    # requests

    def _answer(self, request: Request) -> Response:
        asked = f"{request.method} {request.full_path.rstrip('?')}"
        self.requests.append(asked)
        try:
            for beginning, code in self.broken.items():
                if asked.startswith(beginning):
                    raise Refusal(code, "Broken", f"broken by the test: {code}")
            return self._route(request)
        except Refusal as refusal:
            return _json(refusal.body, refusal.code)

    def _route(self, request: Request) -> Response:
        parts = request.path.strip("/").split("/")
        if parts == ["version"]:
            release = self.cluster.generation
            return _json({"major": "1", "minor": str(release.minor), "gitVersion": f"v{release.version}.2"})
        parts = parts[parts.index("namespaces") + 1 :] if "namespaces" in parts else [""]
        namespace, kind, rest = parts[0], (parts[1:2] or [""])[0], parts[2:]
        with self.cluster.objects.changed:
            if kind == "persistentvolumeclaims":
                if rest[0] not in self.cluster.claims:
                    text = f'persistentvolumeclaims "{rest[0]}" not found'
                    raise Refusal(404, "NotFound", text)
                return _json({"kind": "PersistentVolumeClaim", "metadata": {"name": rest[0]}})
            if kind == "jobs":
                return self._of_kind(request, namespace, "jobs", rest)
            if kind == "pods":
                return self._of_kind(request, namespace, "pods", rest)
            if kind == "events":  # this cluster has none
                return _json({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": []})
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def _of_kind(self, request: Request, namespace: str, kind: Kind, rest: list[str]) -> Response:
        objects = self.cluster.objects
        if not rest:
            if request.method == "POST":
                return self._create(request, namespace)
            if request.args.get("watch"):
                return self._watch(request, kind)
            return self._list(request, namespace, kind)
        item = objects.get(kind, namespace, rest[0])
        if rest[1:]:
            return self._part(item, request, rest[1])
        if request.method == "PATCH":
            patch = request.get_json(force=True)
            if patch.get("metadata", {}).get("uid", item["metadata"]["uid"]) != item["metadata"]["uid"]:
                raise Refusal(422, "Invalid", f"{rest[0]} is invalid: metadata.uid: Invalid value: field is immutable")
            version = patch.get("metadata", {}).pop("resourceVersion", item["metadata"]["resourceVersion"])
            if version != item["metadata"]["resourceVersion"]:
                text = (
                    f'Operation cannot be fulfilled on {kind} "{rest[0]}": the object has been modified; please apply …'
                )
                raise Refusal(409, "Conflict", text)
            merge(item, patch)
            objects.tell(kind, "MODIFIED", item)
        elif request.method == "DELETE" and kind == "pods":
            self.cluster.delete_pod(item)
        elif request.method == "DELETE":
            return self._delete(item, request)
        return _json(_typed(kind, item))

    def _create(self, request: Request, namespace: str) -> Response:
        if namespace not in self.cluster.namespaces:
            raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
        job = request.get_json(force=True)
        self.cluster.generation.known(job)
        check_job(job, self.cluster.generation.schema)
        job["metadata"]["namespace"] = namespace
        if not request.args.get("dryRun"):
            self.cluster.objects.add("jobs", job)
        job["status"] = {}
        return _json(_typed("jobs", job), 201)

    def _list(self, request: Request, namespace: str, kind: Kind) -> Response:
        wanted = request.args.get("labelSelector", "")
        found = [item for item in self.cluster.objects.all(kind) if item["metadata"]["namespace"] == namespace]
        found = [item for item in found if selects(wanted, item["metadata"].get("labels") or {})]
        selects(wanted, {})  # a selector that is none is refused also where there is nothing
        begin, limit = int(request.args.get("continue") or 0), int(request.args.get("limit") or 0) or len(found)
        more = str(begin + limit) if begin + limit < len(found) else ""
        metadata = {"resourceVersion": str(self.cluster.objects.version), **({"continue": more} if more else {})}
        items = found[begin : begin + limit]
        return _json({"kind": f"{KINDS[kind]}List", "apiVersion": API[kind], "metadata": metadata, "items": items})

    def _delete(self, job: Json, request: Request) -> Response:
        options = request.get_json(force=True, silent=True) or {}
        uid = (options.get("preconditions") or {}).get("uid", job["metadata"]["uid"])
        if uid != job["metadata"]["uid"]:
            name = job["metadata"]["name"]
            text = (
                f'Operation cannot be fulfilled on Job.batch "{name}": the UID in the precondition ({uid}) does not '
                f"match the UID in record ({job['metadata']['uid']}). The object might have been deleted and "
                "then recreated"
            )
            raise Refusal(409, "Conflict", text)
        policy = options.get("propagationPolicy") or request.args.get("propagationPolicy")
        if policy in ("Foreground", "Background"):
            job["metadata"] |= {"deletionTimestamp": now(), "finalizers": ["foregroundDeletion"]}
            self.cluster.objects.tell("jobs", "MODIFIED", job)
        else:
            self.cluster.objects.remove("jobs", job)  # its pods are orphans
        if policy == "Background":
            return _json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
        return _json(_typed("jobs", job))

    def _part(self, pod: Json, request: Request, part: str) -> Response:
        if part == "log":
            return self._log(pod, request)
        if part == "eviction" and request.method == "POST":
            self.cluster.evict_pod(pod)
            return _json({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}, 201)
        raise Refusal(404, "NotFound", "the server could not find the requested resource")

    def _log(self, pod: Json, request: Request) -> Response:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
        wanted = request.args.get("container", container)
        if wanted != container:
            raise Refusal(400, "BadRequest", f"container {wanted} is not valid for pod {name}")
        if not pod["spec"].get("nodeName"):
            return Response("", mimetype="text/plain")
        if state_of(pod) == "waiting":
            reason = pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]
            text = f'container "{container}" in pod "{name}" is waiting to start: {reason}'
            raise Refusal(400, "BadRequest", text)
        if request.args.get("timestamps"):
            return Response(self.cluster.node.timed_log(pod, request.args.get("sinceTime")), mimetype="text/plain")
        text = self.cluster.node.log(pod, int(request.args.get("tailLines") or 10**6))
        return Response(text, mimetype="text/plain")

    def _watch(self, request: Request, kind: Kind) -> Response:
        version = int(request.args.get("resourceVersion") or 0)
        if version < 1000:
            raise Refusal(410, "Expired", f"too old resource version: {version}")
        seconds = float(request.args.get("timeoutSeconds") or 60)
        events = self._events(self._server, kind, request.args.get("labelSelector", ""), version, seconds)
        return Response(events, mimetype="application/json")

    def _events(self, server: object, kind: Kind, selector: str, version: int, seconds: float) -> Iterator[bytes]:
        objects = self.cluster.objects
        ends = threading.Timer(seconds, _notify(objects.changed))
        ends.daemon = True
        ends.start()
        yield b""  # the status and headers of the answer
        try:
            while ends.is_alive() and server and self._server is server:
                with objects.changed:
                    new = [event for event in objects.events if event.version > version and event.kind == kind]
                    if not new:
                        objects.changed.wait(0.5)
                for event in new:
                    version = event.version
                    if selects(selector, event.object["metadata"].get("labels") or {}):
                        yield json.dumps({"type": event.type, "object": _typed(kind, event.object)}).encode() + b"\n"
            bookmark = {"kind": KINDS[kind], "metadata": {"resourceVersion": str(version)}}
            yield json.dumps({"type": "BOOKMARK", "object": bookmark}).encode() + b"\n"
        finally:
            ends.cancel()


def _notify(condition: threading.Condition) -> Callable[[], None]:
    def notify() -> None:
        with condition:
            condition.notify_all()

    return notify


def _typed(kind: Kind, item: Json) -> Json:
    return {"kind": KINDS[kind], "apiVersion": API[kind], **copy.deepcopy(item)}


def _json(body: Json, status: int = 200) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")
