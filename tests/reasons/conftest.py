"""One server for each engine, one registry that misbehaves, and the matrix of all answers."""

from collections.abc import Iterator

import pytest
from support.live import Api

from reasons.bad_registry import BadRegistry
from reasons.matrix import Matrix
from reasons.servers import registry_of, server_on

MATRIX = pytest.StashKey[Matrix]()


@pytest.fixture(scope="session")
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the engine; the tests are parametrized with it."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def api(engine: str) -> Iterator[Api]:
    """A client of a server on the engine."""
    with server_on(engine) as server:
        yield Api(server.url)


@pytest.fixture(scope="session")
def registry(engine: str) -> Iterator[BadRegistry]:
    """A registry that fails by the name of the repository, on the loopback of the engine."""
    with registry_of(engine) as registry:
        yield registry


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """What users read of each failure."""
    found = request.config.stash[MATRIX] = Matrix()
    yield found
    found.write()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the matrix, if this process has run the suite."""
    if MATRIX in config.stash:
        for line in config.stash[MATRIX].lines():
            terminalreporter.write_line(line)
