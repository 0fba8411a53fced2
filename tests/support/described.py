"""Checks answers, and forms that clients send, against the OpenAPI document."""

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask
from jsonschema import Draft202012Validator, FormatChecker

from pfcon.api.openapi.document import document
from pfcon.api.routes import add_routes

OPEN = {"ServerInfo", "StagedServerInfo"}  # a storage adds keys of its own
Json = dict[str, Any]


def blank_app() -> Flask:
    """An application that has all routes, and nothing behind them."""
    app = Flask("pfcon", static_folder=None)
    add_routes(app)
    return app


class Described:
    """The document of this release. Its objects are closed here: an answer with a key that it does not have fails."""

    def __init__(self) -> None:
        self.document: Json = json.loads(json.dumps(document(blank_app())))
        self._closed = copy.deepcopy(self.document["components"])
        for name, schema in self._closed["schemas"].items():
            if name not in OPEN:
                schema["additionalProperties"] = False
        self._paths = {
            path: re.compile(re.sub(r"\{[^}]*\}", "[^/]*", path.replace(".", r"\."))) for path in self.document["paths"]
        }

    def operation(self, method: str, path: str) -> Json | None:
        """What the document has for a request; None if it has nothing. path: without a query."""
        found = [its for its, pattern in self._paths.items() if pattern.fullmatch(path)]
        exact = [its for its in found if "{" not in its] or found
        item: Json = self.document["paths"][exact[0]] if exact else {}
        found_operation: Json | None = item.get("get" if method == "HEAD" else method.lower())
        return found_operation

    def check_answer(self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Fail for an answer that the document does not have in this form. headers: by any case of their names."""
        described = self.operation(method, path)
        assert described is not None, f"{method} {path} is not in the document"
        assert str(status) in described["responses"], f"{method} {path}: {status} is not described: {body[:300]!r}"
        response = self._resolved(described["responses"][str(status)])
        given = {name.lower() for name in headers}
        missing = {name for name in response.get("headers", {}) if name.lower() not in given}
        assert not missing, f"{method} {path}: {status} without {missing}"
        content = response.get("content")
        if content is None:
            assert not body, f"{method} {path}: {status} has a body"
            return
        media_type = {name.lower(): value for name, value in headers.items()}["content-type"].partition(";")[0]
        assert media_type in content, f"{method} {path}: {status} is {media_type}"
        if media_type == "application/json" and method != "HEAD":
            self.check_value(content[media_type]["schema"], json.loads(body))

    def check_form(self, method: str, path: str, fields: Mapping[str, list[str]], media_type: str) -> None:
        """Fail for a form that the document does not allow."""
        described = self.operation(method, path)
        assert described is not None, f"{method} {path} is not in the document"
        schema = described["requestBody"]["content"][media_type]["schema"]
        self.check_value({**schema, "additionalProperties": False}, _typed(schema, fields))

    def check_value(self, schema: Json, value: Any) -> None:
        """Fail for a value that does not fit a schema of the document."""
        whole = {**schema, "components": self._closed}
        faults = Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(value)
        assert not (found := [f"{fault.json_path}: {fault.message}"[:500] for fault in faults]), found

    def _resolved(self, response: Json) -> Json:
        name = response.get("$ref", "").rpartition("/")[2]
        resolved: Json = self.document["components"]["responses"][name] if name else response
        return resolved


def _typed(schema: Json, fields: Mapping[str, list[str]]) -> Json:
    """The values of a form by their types: a form itself has texts only."""
    typed: Json = {}
    for name, values in fields.items():
        kind = schema["properties"].get(name, {}).get("type")
        typed[name] = values if kind == "array" else int(values[-1]) if kind == "integer" else values[-1]
    return typed
