"""What schemathesis does not know of pfcon: a password, a zip, a harmless command, and what a storage needs.

Its command line loads this module by SCHEMATHESIS_HOOKS. PFCON_TEST_STORAGE is the storage of the service.
"""

import os
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from pfcon.api.fields import MAX_INT, Text
from pfcon.api.job_fields import COPY_FORM, DELETE_FORM, PATH_PATTERN, PLUGIN_FORM, UPLOAD_FORM

from .live import PASSWORD, USER, make_zip

TAKES_ZIPS = os.environ.get("PFCON_TEST_STORAGE", "zipfile") == "zipfile"
UNREAD = {"input_dirs", "output_dir", "job_output_path"} if TAKES_ZIPS else {"data_file"}
NEEDED = ["data_file"] if TAKES_ZIPS else ["output_dir"]
AT_LEAST_ONE = {"minItems": 1, "contains": {"type": "string", "minLength": 1}}
MOST_WORKERS = 2
OUTPUT_DIR = "home/out"  # a job's outputs can be listed by this name alone
TOLD = {"cursor", "last_event_id", "Last-Event-ID"}  # values that the service has told: `next`, or an event's id
FORMS = (PLUGIN_FORM, COPY_FORM, UPLOAD_FORM, DELETE_FORM)
LISTS = {name for name, field in PLUGIN_FORM.items() if field.repeated}
TEXTS = {name for form in FORMS for name, field in form.items() if isinstance(field, Text)}

schemathesis.openapi.format("binary", st.just(make_zip({"a": b"1"})))


@schemathesis.hook
def before_load_schema(context: Any, raw_schema: Any) -> None:
    """Make the document that of one storage, and of a machine without GPUs. The general one is wider."""
    paths = raw_schema["paths"]
    for path in ("/api/v1/jobs/", "/api/v1/pluginjobs/"):
        content = paths[path]["post"]["requestBody"]["content"]
        if TAKES_ZIPS:
            del content["application/x-www-form-urlencoded"]
        for media_type in content.values():
            schema = media_type["schema"]
            schema["properties"] = {name: field for name, field in schema["properties"].items() if name not in UNREAD}
            schema["properties"]["gpu_limit"]["maximum"] = 0
            schema["required"] += NEEDED
            if not TAKES_ZIPS and path == "/api/v1/jobs/":
                schema["properties"]["input_dirs"] |= AT_LEAST_ONE
                schema["required"].append("input_dirs")
        file = paths[f"{path}{{jid}}/file/"]["get"]
        file["parameters"] = [{**one, "required": True} for one in file["parameters"] if one["name"] not in UNREAD]
    for path, item in paths.items():
        if path.endswith(("/records/", "/logs/")):
            item["get"]["parameters"] = [one for one in item["get"]["parameters"] if one["name"] not in TOLD]


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """Leave out forms with another value than a text for a field that takes texts: a form makes it a text, maybe a
    right one. Only forms of hypothesis are asked for, not those that cover each constraint.
    """
    return not isinstance(body, dict) or all(_is_sent_as_it_is(name, body[name]) for name in TEXTS & body.keys())


def _is_sent_as_it_is(name: str, value: Any) -> bool:
    """Whether a form has the value as it is; an empty list is as good as none, which many fields allow."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return name in LISTS or len(value) > 1
    return isinstance(value, str)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Change a request before it is sent: its command is harmless; one that is to succeed has what only we know."""
    positive = case.meta.generation.mode.is_positive
    if isinstance(case.body, dict):
        _change_form(case.body)
    if positive and case.path.endswith("/auth-token/"):
        case.body = {"pfcon_user": USER, "pfcon_password": PASSWORD}
    if positive and "job_output_path" in case.query:
        case.query["job_output_path"] = OUTPUT_DIR


def _change_form(body: dict[str, Any]) -> None:
    for name in LISTS & body.keys():
        if not isinstance(body[name], list):  # in a form, a single text is a list of one
            body[name] = [body[name]] if isinstance(body[name], str) else []
    if isinstance(body.get("entrypoint"), list) and any(body["entrypoint"]):
        body["entrypoint"] = ["true"]
    workers = body.get("number_of_workers")
    if isinstance(workers, int) and MOST_WORKERS < workers <= MAX_INT:
        body["number_of_workers"] = MOST_WORKERS
    if isinstance(output_dir := body.get("output_dir"), str) and re.search(PATH_PATTERN, output_dir):
        body["output_dir"] = OUTPUT_DIR
