"""A schema of PostgreSQL for one test alone: other tests and other runs empty the one that all share."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy
from psycopg.errors import DeadlockDetected

from support.engines import postgresql_url

ATTEMPTS = 5


@contextmanager
def own_schema() -> Iterator[str]:
    """A context with the SQLAlchemy URL of an empty schema, which is dropped at the end."""
    engine = sqlalchemy.create_engine(postgresql_url())
    name = f"pfcon_test_{uuid.uuid4().hex}"
    try:
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"CREATE SCHEMA {name}"))
        url = engine.url.update_query_dict({"options": f"-csearch_path={name}"})
        yield url.render_as_string(hide_password=False)
    finally:
        try:
            _drop(engine, name)
        finally:
            engine.dispose()


def _drop(engine: sqlalchemy.Engine, name: str) -> None:
    """Drop a schema, also while a service uses its tables: PostgreSQL ends one of two that wait for each other."""
    for remaining in reversed(range(ATTEMPTS)):
        try:
            with engine.begin() as connection:
                connection.execute(sqlalchemy.text(f"DROP SCHEMA IF EXISTS {name} CASCADE"))
            return
        except sqlalchemy.exc.OperationalError as error:
            if not remaining or not isinstance(error.orig, DeadlockDetected):
                raise
