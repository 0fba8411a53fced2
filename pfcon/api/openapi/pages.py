"""``openapi.json``, and ``docs/``, which shows it: a page without scripts, which needs nothing from the internet."""

from functools import lru_cache
from importlib.resources import files

from flask import Flask, Response, current_app, render_template_string
from flask_restful import Resource

from pfcon.api.openapi.document import document, document_text
from pfcon.api.openapi.operation import TEXT, operation

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class OpenApi(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``openapi.json``"""

    @operation(content={"application/json": {"type": "object"}})
    def get(self) -> Response:
        """Return this document."""
        return Response(document_text(_app()), mimetype="application/json")


class Docs(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``docs/``"""

    @operation(content={"text/html": TEXT})
    def get(self) -> Response:
        """Return a page for people that shows this document."""
        return Response(_page(_app()), mimetype="text/html", headers=HEADERS)


class DocsStyle(Resource):  # type: ignore[misc]  # Flask-RESTful has no types
    """``docs/style.css``"""

    @operation(content={"text/css": TEXT})
    def get(self) -> Response:
        """Return the style of the page for people."""
        return Response(_read("style.css"), mimetype="text/css", headers=HEADERS)


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]  # Flask has no other way


@lru_cache(maxsize=1)
def _page(app: Flask) -> str:
    return render_template_string(_read("page.html"), document=document(app))


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
