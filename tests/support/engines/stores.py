"""Stores of objects and a database: Swift, S3 and PostgreSQL."""

import functools
import os

from .http_service import require_answer
from .need import Unanswered, Unavailable, need


def swift_url() -> str:
    """Auth URL of a Swift; skips or fails the test where there is none."""
    return need("swift", _find_store, "PFCON_TEST_SWIFT", "Swift", "swift.sh")


def s3_url() -> str:
    """Endpoint URL of an S3 service; skips or fails the test where there is none."""
    return need("s3", _find_store, "PFCON_TEST_S3", "S3", "swift.sh")


def ceph_swift_url() -> str:
    """Swift's auth URL of a radosgw; skips or fails the test where there is none."""
    return need("ceph-swift", _find_store, "PFCON_TEST_CEPH_SWIFT", "Swift of Ceph", "ceph.sh")


def ceph_s3_url() -> str:
    """S3's endpoint URL of a radosgw; skips or fails the test where there is none."""
    return need("ceph-s3", _find_store, "PFCON_TEST_CEPH_S3", "S3 of Ceph", "ceph.sh")


def swift_python() -> str:
    """A Python that dev/swift_server.py runs on; skips or fails (name ``swift``) the test where there is none."""
    swift_url()
    return need("swift", _find_swift_python)


def postgresql_url() -> str:
    """SQLAlchemy URL of a PostgreSQL database; skips or fails the test where there is none.

    Processes that run tests side by side get a schema each.
    """
    url = need("postgresql", _find_postgresql)
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    return _own_schema(url, f"pfcon_test_{worker}") if worker else url


@functools.cache
def _own_schema(url: str, schema: str) -> str:
    import sqlalchemy

    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    engine.dispose()
    own = sqlalchemy.make_url(url).update_query_dict({"options": f"-csearch_path={schema}"})
    return own.render_as_string(hide_password=False)


def _find_store(variable: str, what: str, script: str) -> str:
    """The URL that the variable holds, where a store answers with anything at all."""
    advice = f"no {what}; start one (tests/engines/{script}) and set {variable} to its URL"
    url = os.environ.get(variable)
    if not url:
        raise Unavailable(advice)
    require_answer(url, advice)
    return url


def _find_swift_python() -> str:
    python = os.environ.get("PFCON_TEST_SWIFT_PYTHON")
    if not python or not os.access(python, os.X_OK):
        advice = "tests/engines/swift.sh makes one; set PFCON_TEST_SWIFT_PYTHON to its path"
        raise Unavailable(f"no Python with Swift for a server of the test's own; {advice}")
    return python


def _find_postgresql() -> str:
    import sqlalchemy

    url = os.environ.get("PFCON_TEST_POSTGRESQL")
    if not url:
        raise Unavailable("no PostgreSQL; set PFCON_TEST_POSTGRESQL to an SQLAlchemy URL (postgresql+psycopg://…)")
    engine = sqlalchemy.create_engine(url)
    try:
        engine.connect().close()
    except sqlalchemy.exc.SQLAlchemyError as fault:
        raise Unanswered(f"PostgreSQL at PFCON_TEST_POSTGRESQL does not answer: {fault}") from fault
    finally:
        engine.dispose()
    return url
