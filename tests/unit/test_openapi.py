"""The OpenAPI document: valid, complete, and of one source with the parsers."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from support.described import Described, blank_app

from pfcon.api import job_fields
from pfcon.api.event_query import EVENT_PARAMETERS, parse_event_query
from pfcon.api.field_reader import FieldReader
from pfcon.api.fields import Form, Number, Text
from pfcon.api.openapi.document import document_text, path_of
from pfcon.api.parsers import parse_copy, parse_delete, parse_job, parse_upload, relative_path
from pfcon.api.record_query import RECORD_PARAMETERS, parse_query
from pfcon.errors import InvalidFields, PfconError
from pfcon.models import JobId
from pfcon.testing.waiting import PATIENCE

COPY = Path(__file__).parents[2] / "docs" / "openapi.json"
DOCUMENT = json.loads(document_text(blank_app()))
OF_EVERY_ROUTE = {"HEAD", "OPTIONS"}


def operations() -> set[tuple[str, str]]:
    """All methods and paths of the document."""
    return {
        (method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
    }


def test_it_is_valid() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_it_has_every_route_with_every_method_and_no_other() -> None:
    rules = blank_app().url_map.iter_rules()
    served = {(method, path_of(rule)) for rule in rules for method in (rule.methods or set()) - OF_EVERY_ROUTE}
    assert operations() == served
    assert len(served) > 30


def test_the_committed_copy_is_current() -> None:
    assert COPY.read_text(encoding="utf-8") == document_text(blank_app()), (
        "run python -m pfcon.api.openapi docs/openapi.json"
    )


def test_the_command_checks_and_renews_a_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy.json"
    copy.write_text("{}\n")

    def run(*arguments: str) -> int:
        command = [sys.executable, "-m", "pfcon.api.openapi", *arguments, str(copy)]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False).returncode

    assert run("--check") == 1
    assert copy.read_text() == "{}\n"
    assert run() == 0
    assert run("--check") == 0
    assert json.loads(copy.read_text()) == DOCUMENT


def test_ids_of_operations_are_unique() -> None:
    ids = [
        operation["operationId"]
        for item in DOCUMENT["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(set(ids)) == len(ids)


def test_what_needs_no_token_is_known() -> None:
    """All else has a token, and 401 among its answers."""
    described = Described()
    free = {pair for pair in operations() if described.operation(*pair)["security"] == []}  # type: ignore[index]
    places = ("health/", "ready/", "ready/traffic/", "docs/", "docs/style.css", "openapi.json")
    page = {("GET", "/"), ("GET", "/page/{name}")}
    assert free == {*(("GET", f"/api/v1/{place}") for place in places), ("POST", "/api/v1/auth-token/"), *page}
    for pair in operations():
        assert ("401" in described.operation(*pair)["responses"]) == (pair not in free)  # type: ignore[index]


class Seen(dict[str, list[str]]):
    """Fields of a request; remembers which were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """As a dictionary."""
        self.names.add(name)
        return super().get(name, default)


def _job(fields: dict[str, list[str]]) -> Any:
    return parse_job(fields, innetwork=True, needs_inputs=True, lacks_upload=False)


@pytest.mark.parametrize(
    ("parse", "form", "elsewhere"),
    [
        (_job, job_fields.PLUGIN_FORM, {"data_file"}),  # the reader of bodies takes it out
        (parse_copy, job_fields.COPY_FORM, set()),
        (parse_upload, job_fields.UPLOAD_FORM, set()),
        (parse_delete, job_fields.DELETE_FORM, set()),
        (parse_query, RECORD_PARAMETERS, set()),
        (lambda fields: parse_event_query(fields, None), EVENT_PARAMETERS, set()),
    ],
)
def test_a_parser_reads_all_fields_of_its_form(
    parse: Callable[[dict[str, list[str]]], Any], form: Form, elsewhere: set[str]
) -> None:
    fields = Seen()
    try:
        parse(fields)
        required = set()
    except InvalidFields as error:
        required = set(dict(error.message))  # type: ignore[arg-type]  # such an error has no text
    assert fields.names == set(form) - elsewhere
    innetwork = {"input_dirs", "output_dir"} if form is job_fields.PLUGIN_FORM else set()
    assert required == {name for name, field in form.items() if field.required} | innetwork


def test_a_parser_can_read_no_field_that_the_document_lacks() -> None:
    reader = FieldReader({"cpu_limit": ["1"]}, job_fields.COPY_FORM)
    with pytest.raises(KeyError):
        reader.text(Text(name="image", about=""))
    with pytest.raises(KeyError):
        reader.number(Number(name="cpu_limit", about="", least=0))


@pytest.mark.parametrize(
    "text",
    ["a", "A.b", "a.", "a-b_c.1", "9", "a" * 128, "a..b", ".a", "-a", "a/b", "a b", "", "a\n", "ä", "a\0", "a" * 129],
)
def test_the_pattern_of_a_jid_is_what_the_parser_takes(text: str) -> None:
    schema = job_fields.JID.one()
    fits = re.search(schema["pattern"].replace("$", r"\Z"), text) is not None and len(text) <= schema["maxLength"]
    try:
        JobId.parse(text)
        taken = True
    except PfconError:
        taken = False
    assert fits == taken


@pytest.mark.parametrize(
    "text",
    ["a", "/a/", "//a", "a/b.c", "a/..b", "...", "a/...", "/", "", ".", "..", "a//b", "a/./b", "a/..", "../a", "a/."],
)
def test_the_pattern_of_a_path_is_what_the_parser_takes(text: str) -> None:
    fits = re.search(job_fields.PATH_PATTERN, text) is not None
    try:
        relative_path(text)
        taken = True
    except ValueError:
        taken = False
    assert fits == taken
