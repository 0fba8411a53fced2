"""Writes the OpenAPI document: ``python -m pfcon.api.openapi [--check] docs/openapi.json``."""

import sys

from flask import Flask

from pfcon import docs_tables
from pfcon.api.openapi.document import document_text
from pfcon.api.routes import add_routes


def text() -> str:
    """Return the document of this release."""
    app = Flask("pfcon", static_folder=None)
    add_routes(app)
    return document_text(app)


def main(arguments: list[str] | None = None) -> int:
    """See ``docs_tables.main``."""
    return docs_tables.main("pfcon.api.openapi", "OpenAPI document", lambda _: text(), arguments)


if __name__ == "__main__":
    sys.exit(main())
