"""One server for each engine, one registry that misbehaves, and the matrix of all answers."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.live import Api

from reasons import matrix
from reasons.bad_registry import BadRegistry
from reasons.servers import registry_of, server_on


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the module's engine."""
    name: str = request.module.ENGINE
    return name


@pytest.fixture(scope="module")
def api(engine: str) -> Iterator[Api]:
    """A client of a server on the engine."""
    with server_on(engine) as server:
        yield Api(server.url)


@pytest.fixture(scope="module")
def remove(api: Api) -> Iterator[Callable[[str], None]]:
    """Deletes a job while the next ones run: a kubelet takes half a minute for a pod."""
    answers = []
    with ThreadPoolExecutor(16) as pool:
        yield lambda jid: answers.append(pool.submit(api.delete, f"jobs/{jid}/"))
    assert {answer.result().status_code for answer in answers} <= {204, 404}


@pytest.fixture(scope="module")
def registry(engine: str) -> Iterator[BadRegistry]:
    """A registry that fails by the name of the repository, on the loopback of the engine."""
    with registry_of(engine) as registry:
        yield registry


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix, if the suite was run."""
    matrix.show(terminalreporter)
