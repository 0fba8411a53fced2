"""Serves the page and its files. They need no token and have no data: the page asks the HTTP interface for these."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from flask import Flask, Response, request

from pfcon.api.openapi.operation import BINARY, TEXT, operation
from pfcon.errors import Absent
from pfcon.reasons.sentences import EXPLANATIONS

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # a browser asks whether its copy is current: an upgrade shows at once
}
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "json": "application/json",
}
_INDEX = "index.html"
_REASONS = "reasons.json"
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")


@dataclass(frozen=True)
class PageFile:
    """One file. etag: of its content."""

    content: bytes
    media_type: str
    etag: str


def add_page(app: Flask) -> None:
    """Add the page to an application."""
    app.add_url_rule("/", view_func=_page, endpoint="page")
    app.add_url_rule("/page/<string:name>", view_func=_file, endpoint="page_file")


@lru_cache(maxsize=1)
def page_files() -> dict[str, PageFile]:
    """Return all files by their names, as they are served."""
    entries = files(__package__).joinpath("files").iterdir()
    contents = {entry.name: entry.read_bytes() for entry in entries if entry.name.rpartition(".")[2] in TYPES}
    contents[_REASONS] = json.dumps(_advice(), ensure_ascii=False).encode()
    return {
        name: PageFile(content, TYPES[name.rpartition(".")[2]], hashlib.sha256(content).hexdigest()[:32])
        for name, content in contents.items()
    }


@operation(content={"text/html": TEXT}, conditional=True)
def _page() -> Response:
    """Return the page for people."""
    return _answer(page_files()[_INDEX])


@operation(
    content={media_type.partition(";")[0]: BINARY for media_type in TYPES.values()},
    conditional=True,
    errors=(Absent,),
)
def _file(name: str) -> Response:
    """Return a file of the page for people. Raises Absent."""
    found = page_files().get(name)
    if found is None or name == _INDEX:
        raise Absent("the page has no such file")
    return _answer(found)


def _answer(file: PageFile) -> Response:
    response = Response(file.content, content_type=file.media_type, headers=HEADERS)
    response.set_etag(file.etag)
    response.make_conditional(request)
    return response


def _advice() -> dict[str, str]:
    """Return what can be done about each reason, by its code: Markdown without links."""
    return {code.value: _LINK.sub(r"\1", explanation.advice) for code, explanation in EXPLANATIONS.items()}
