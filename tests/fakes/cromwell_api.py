"""The REST API of the fake Cromwell server: routes, checks of what is sent, the forms of answers."""

import json
import re
import time
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, jsonify, request

from .cromwell_workflow import Workflow

if TYPE_CHECKING:
    from .cromwell_server import FakeCromwell

VERSION = "87-fake"
QUERY_KEYS = {"id", "name", "status", "label", "start", "end", "submission", "page", "pagesize"}
STATUSES = ("Submitted", "Running", "Aborting", "Aborted", "Succeeded", "Failed")  # that all releases have
MAX_LABEL = 255
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


class Told(Exception):
    """An answer that is an error, of the form that "Error handling" in the manual gives."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.body = {"status": "fail" if code < 500 else "error", "message": message}


def make_app(server: "FakeCromwell") -> Flask:
    """The server's API as a WSGI application."""
    app = Flask("fake-cromwell")
    api = "/api/workflows/v1"

    @app.before_request
    def count() -> None:
        server.requests.append((request.method, request.path))
        if server.faults and (code := server.faults.pop(0)):
            raise Told(code, "as the test wants it")

    @app.errorhandler(Told)
    def tell(told: Told) -> tuple[Response, int]:
        return jsonify(told.body), told.code

    @app.get("/engine/v1/version")
    def version() -> Response:
        return jsonify(cromwell=VERSION)

    @app.get(f"{api}/backends")
    def backends() -> Response:
        return jsonify(supportedBackends=sorted(server.backends), defaultBackend=server.backends[0])

    @app.post(api)
    def submit() -> tuple[Response, int]:
        workflow = _submitted()
        server.accept(workflow)
        if server.deaf_submits:
            server.deaf_submits -= 1
            raise Told(503, "the answer came too late")
        return jsonify(id=workflow.id, status="Submitted"), 201

    @app.get(f"{api}/query")
    def query() -> Response:
        return jsonify(_query(server))

    @app.get(f"{api}/<workflow>/status")
    def status(workflow: str) -> Response:
        found = _find(server, workflow)
        return jsonify(id=found.id, status=found.status)

    @app.get(f"{api}/<workflow>/metadata")
    def metadata(workflow: str) -> Response:
        return jsonify(_only(_metadata(_find(server, workflow)), request.args.getlist("includeKey")))

    @app.post(f"{api}/<workflow>/abort")
    def abort(workflow: str) -> Response:
        found = server.workflows.get(_valid(workflow))
        if found is None or not server.abort(found):
            raise Told(404, f"Couldn't abort {workflow} because no workflow with that ID is in progress")
        return jsonify(id=found.id, status="Aborting")

    return app


def _part(name: str, default: str) -> str:
    part = request.files.get(name)
    return part.read().decode() if part else request.form.get(name, default)


def _submitted() -> Workflow:
    source = _part("workflowSource", "")
    if not source:
        raise Told(400, "Error(s): workflowSource or workflowUrl needs to be supplied")
    try:
        labels, options = json.loads(_part("labels", "{}")), json.loads(_part("workflowOptions", "{}"))
    except ValueError as fault:
        raise Told(400, f"Error(s): {fault}") from fault
    for text in [*labels, *labels.values()]:
        if not isinstance(text, str) or len(text) > MAX_LABEL:
            raise Told(400, f"Error(s): Invalid label: `{text}` is {len(text)} characters. The maximum is {MAX_LABEL}.")
    if "" in labels:
        raise Told(400, "Error(s): Invalid label: `` can't be empty")
    if _part("workflowType", "WDL") != "WDL":
        raise Told(400, "Error(s): unsupported workflow type")
    return Workflow(source, labels, options)


def _valid(workflow: str) -> str:
    if not _UUID.fullmatch(workflow):
        raise Told(400, f"Invalid workflow ID: '{workflow}'.")
    return workflow


def _find(server: "FakeCromwell", workflow: str) -> Workflow:
    found = server.workflows.get(_valid(workflow))
    if found is None or time.monotonic() < found.accepted + server.lag:
        raise Told(404, f"Unrecognized workflow ID: {workflow}")
    return found


def _query(server: "FakeCromwell") -> dict[str, Any]:
    given: dict[str, list[str]] = {}
    for key, value in request.args.items(multi=True):
        given.setdefault(key.lower(), []).append(value)
    extra = given.pop("additionalqueryresultfields", [])
    if unknown := set(given) - QUERY_KEYS:
        raise Told(400, f"Unrecognized query keys: {', '.join(sorted(unknown))}")
    labels = [label.split(":", 1) for label in given.get("label", [])]
    if any(len(label) != 2 for label in labels):
        raise Told(400, "Label values do not match allowed pattern label-key:label-value")
    if unknown := {status for status in given.get("status", []) if status.lower().capitalize() not in STATUSES}:
        raise Told(400, f"Unrecognized status values: {', '.join(sorted(unknown))}")
    statuses = {status.lower() for status in given.get("status", STATUSES)}
    since = given.get("submission", [""])[0]
    found = [
        workflow
        for workflow in server.workflows.values()
        if all(workflow.labels.get(key) == value for key, value in labels)
        and workflow.status.lower() in statuses
        and workflow.submission >= since.replace("+00:00", "Z")
        and time.monotonic() > workflow.accepted + server.lag
    ]
    page, size = int(given.get("page", ["1"])[0]), int(given.get("pagesize", ["100"])[0])
    results = [_result(workflow, extra) for workflow in found[(page - 1) * size : page * size]]
    return {"results": results, "totalResultsCount": len(found)}


def _result(workflow: Workflow, extra: list[str]) -> dict[str, Any]:
    told = {key: getattr(workflow, key) for key in ("id", "name", "status", "submission", "start", "end")}
    return {key: value for key, value in told.items() if value} | (
        {"labels": workflow.labels} if "labels" in extra else {}
    )


def _metadata(workflow: Workflow) -> dict[str, Any]:
    told = {key: getattr(workflow, key) for key in ("id", "status", "submission", "start", "end", "failures")}
    told = {key: value for key, value in told.items() if value}
    told["calls"] = {f"{workflow.name}.{workflow.task}": [dict(workflow.call)]} if workflow.call else {}
    if workflow.run:
        told["workflowRoot"] = str(workflow.run.directory.parent.parent)
    return told | {"workflowName": workflow.name, "labels": workflow.labels}


def _only(metadata: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """What includeKey leaves, of the workflow and of each call; ``attempt`` and ``shardIndex`` stay."""
    if not keys:
        return metadata

    def wanted(key: str, *always: str) -> bool:
        return key in always or key.startswith(tuple(keys))

    calls = {
        name: [{key: value for key, value in call.items() if wanted(key, "attempt", "shardIndex")} for call in attempts]
        for name, attempts in metadata["calls"].items()
    }
    return {key: value for key, value in metadata.items() if wanted(key, "id")} | {"calls": calls}
