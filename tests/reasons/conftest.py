"""The site of each module, and the matrix of all answers."""

from collections.abc import Iterator

import pytest

from reasons import matrix
from reasons.servers import Site, site_with


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A service with the module's ENGINE."""
    with site_with(request.module.ENGINE) as site:
        yield site


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the matrix, if the suite was run."""
    matrix.show(terminalreporter)
