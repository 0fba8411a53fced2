"""Forms, parameters of URLs and headers of requests, as OpenAPI describes them."""

from pfcon.api.fields import File, Form, Schema
from pfcon.api.forms import MULTIPART, URLENCODED
from pfcon.api.job_fields import JID
from pfcon.api.openapi.operation import Operation

_OF_PATHS = {JID.name: {**JID.one(), "description": JID.about}}


def path_parameter(name: str) -> Schema:
    """Return the parameter of a path."""
    schema = _OF_PATHS.get(name, {"type": "string"})
    return {"name": name, "in": "path", "required": True, "schema": schema}


def parameters_of(described: Operation) -> list[Schema]:
    """Return the parameters of the URL, and the headers."""
    return [
        {"name": field.name, "in": place, "required": field.required, "schema": field.schema()}
        for place, fields in (("query", described.parameters), ("header", described.headers))
        for field in (fields or {}).values()
    ]


def form_body(form: Form) -> Schema:
    """Return the body of a request that sends a form. A file can be sent in multipart only."""
    multipart: Schema = {"schema": form.schema()}
    files = {field.name: {"contentType": field.media_type} for field in form.values() if isinstance(field, File)}
    if files:
        multipart["encoding"] = files
    return {
        "required": True,
        "content": {URLENCODED: {"schema": form.schema(files=False)}, MULTIPART: multipart},
    }
