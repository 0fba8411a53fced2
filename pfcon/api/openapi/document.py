"""Makes the OpenAPI document of an application: of its routes, the methods of their resources, and their Operations."""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from http import HTTPStatus
from typing import Any, get_args, get_origin, get_type_hints

from flask import Flask
from werkzeug.routing import Rule

from pfcon import __version__
from pfcon.api.answers import Error
from pfcon.api.context import requires_token
from pfcon.api.fields import Schema
from pfcon.api.openapi.forms import form_body, parameters_of, path_parameter
from pfcon.api.openapi.operation import Operation, operation_of
from pfcon.api.openapi.schemas import Schemas, first_paragraph
from pfcon.errors import PfconError, Unauthorized, Unreachable
from pfcon.service_log.request_id import HEADER as REQUEST_ID

OPENAPI = "3.1.1"
PREFIX = "/api/v1"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")  # HEAD and OPTIONS are answered for every route
ABOUT = (
    "pfcon stages, schedules and serves the container jobs of ChRIS. Every error is JSON with a message. A client "
    "ignores keys that it does not know. A request that is no valid HTTP, or is above a limit of the server, may also "
    "be answered with 403, 413, 414, 417, 431 or 501; a method that a path does not have with 405; and a path without "
    "its last slash with 308."
)
TAGS = {
    "Service": "health, login, metrics, this document",
    "Synchronous interface": "for python-pfconclient 3.x",
    "Staged interface": "for python-pfconclient 4.x and CUBE",
    "Records and events": "what pfcon has recorded of all jobs, and their changes",
}
_SERVICE, _SYNCHRONOUS, _STAGED, _RECORDS = TAGS
_TAG_OF = {
    "jobs": _SYNCHRONOUS,
    **dict.fromkeys(("copyjobs", "pluginjobs", "uploadjobs", "deletejobs"), _STAGED),
    **dict.fromkeys(("records", "events"), _RECORDS),
}
_OF_THE_SERVER = {408: "The request came too slowly.", 500: "A fault of the service; its log has more."}


def document(app: Flask) -> Schema:
    """Return the document of an application."""
    schemas = Schemas()
    error = schemas.of(Error)
    paths: dict[str, Schema] = {}
    for rule in sorted(app.url_map.iter_rules(), key=_place):
        paths[path_of(rule)] = {
            method.lower(): _operation(schemas, rule, method, view, is_guarded)
            for method, view, is_guarded in operations_of(app, rule)
        }
        if rule.arguments:
            paths[path_of(rule)]["parameters"] = [path_parameter(name) for name in sorted(rule.arguments)]
    return {
        "openapi": OPENAPI,
        "info": {"title": "pfcon", "version": __version__, "description": ABOUT, "license": {"name": "MIT"}},
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": _error_responses(app, error),
            "headers": {
                REQUEST_ID: {
                    "description": "the id of the request, in the service's log",
                    "required": True,
                    "schema": {"type": "string"},
                },
                "Retry-After": {"description": "in seconds", "required": True, "schema": {"type": "integer"}},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


@lru_cache(maxsize=1)
def document_text(app: Flask) -> str:
    """Return the document as JSON."""
    return json.dumps(document(app), indent=2, ensure_ascii=False) + "\n"


def path_of(rule: Rule) -> str:
    """Return the path of a route as OpenAPI writes it."""
    return re.sub(r"<(?:[^:>]*:)?([^>]*)>", r"{\1}", rule.rule)


def operations_of(app: Flask, rule: Rule) -> Iterator[tuple[str, Callable[..., Any], bool]]:
    """Yield the methods of a route, the functions that answer them, and whether these need a token."""
    view = app.view_functions[rule.endpoint]
    resource = getattr(view, "view_class", None)
    for method in METHODS:
        if method in (rule.methods or ()):
            function = getattr(resource, method.lower()) if resource else view
            guarded = requires_token in getattr(resource, "method_decorators", ())
            yield method, function, guarded or operation_of(function).token


def errors_of(described: Operation, is_guarded: bool) -> set[type[PfconError]]:
    """Return the errors that an operation may answer."""
    return {*described.errors, Unreachable, *([Unauthorized] if is_guarded else [])}


def _place(rule: Rule) -> tuple[int, str]:
    return list(TAGS).index(_tag(rule)), rule.rule


def _tag(rule: Rule) -> str:
    return next((_TAG_OF[part] for part in rule.rule.split("/") if part in _TAG_OF), _SERVICE)


def _operation(schemas: Schemas, rule: Rule, method: str, view: Callable[..., Any], is_guarded: bool) -> Schema:
    described = operation_of(view)
    text = first_paragraph(view)
    summary, _, rest = text.partition(". ")
    words = re.findall(r"[A-Za-z]+", path_of(rule).removeprefix(PREFIX))
    made: Schema = {
        "operationId": "_".join([method.lower(), *words]),
        "tags": [_tag(rule)],
        "summary": summary.rstrip("."),
    }
    if rest:
        made["description"] = rest
    if parameters := parameters_of(described):
        made["parameters"] = parameters
    if described.form is not None:
        made["requestBody"] = form_body(described.form)
    if described.body is not None:
        content = {"application/json": {"schema": schemas.of(described.body)}}
        made["requestBody"] = {"required": True, "content": content}
    made["responses"] = _responses(schemas, described, view, is_guarded)
    made["security"] = [{"token": []}] if is_guarded else []
    for mentioned in described.mentions:
        schemas.of(mentioned)
    return made


def _responses(schemas: Schemas, described: Operation, view: Callable[..., Any], is_guarded: bool) -> Schema:
    content = _content(schemas, described, view)
    found: dict[int, Schema] = {described.status: {"description": HTTPStatus(described.status).phrase, **content}}
    for status in (*_OF_THE_SERVER, *(error.status for error in errors_of(described, is_guarded))):
        found[status] = {"$ref": f"#/components/responses/{response_name(status)}"}
    if described.conditional:
        found[HTTPStatus.NOT_MODIFIED] = {"description": HTTPStatus.NOT_MODIFIED.phrase}
    if described.ranges:
        part = {"content": {media_type: content["content"][media_type] for media_type in described.ranges}}
        found[HTTPStatus.PARTIAL_CONTENT] = {"description": HTTPStatus.PARTIAL_CONTENT.phrase, **part}
    for status, text in described.other.items():
        either = [content["content"]["application/json"]["schema"], schemas.of(Error)]
        found[status] = {"description": text, "content": {"application/json": {"schema": {"anyOf": either}}}}
    for response in found.values():
        if "$ref" not in response:
            response["headers"] = {REQUEST_ID: {"$ref": f"#/components/headers/{REQUEST_ID}"}}
    return {str(status): found[status] for status in sorted(found)}


def _content(schemas: Schemas, described: Operation, view: Callable[..., Any]) -> Schema:
    if described.status == HTTPStatus.NO_CONTENT:
        return {}
    content = described.content or {"application/json": _returned(view)}
    return {
        "content": {
            media_type: {"schema": schema if isinstance(schema, dict) else schemas.of(schema)}
            for media_type, schema in content.items()
        }
    }


def _returned(view: Callable[..., Any]) -> Any:
    """Return the type of the JSON that a method returns, alone or with a status."""
    returned = get_type_hints(view, include_extras=True)["return"]
    return get_args(returned)[0] if get_origin(returned) is tuple else returned


def response_name(status: int) -> str:
    """Return the name of an error's response in the components."""
    return re.sub(r"\W", "", HTTPStatus(status).phrase.title())


def _error_responses(app: Flask, schema: Schema) -> Schema:
    """Return the responses of all errors that an operation has, by their names."""
    texts, retryable = dict(_OF_THE_SERVER), set()
    for rule in app.url_map.iter_rules():
        for _, view, is_guarded in operations_of(app, rule):
            for error in sorted(errors_of(operation_of(view), is_guarded), key=lambda one: one.__name__):
                texts.setdefault(error.status, first_paragraph(error))
                if error.retryable:
                    retryable.add(error.status)
    made = {}
    for status, text in sorted(texts.items()):
        names = [REQUEST_ID, *(["Retry-After"] if status in retryable else [])]
        made[response_name(status)] = {
            "description": text,
            "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
            "content": {"application/json": {"schema": schema}},
        }
    return made
