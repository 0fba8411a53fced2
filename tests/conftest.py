"""Settings of all suites. The fixture ``storebase`` is of pfcon's plugin of pytest (pfcon/testing/plugin.py)."""

import signal

import pytest
from hypothesis import settings

from pfcon.compute import unreadable
from pfcon.service_log import begin_request
from pfcon.token_bucket import Spacing

settings.register_profile("tests", deadline=None)  # the 200 ms of an example are up soon on a machine that is busy
settings.load_profile("tests")

collect_ignore = ["toy_engine", "toy_storage"]  # packages of their own, whose tests contract/test_toy_*.py runs


@pytest.fixture(autouse=True)
def unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """No warning about an engine's answer was logged yet: they are not repeated."""
    monkeypatch.setattr(unreadable, "_LINES", Spacing(600.0))


@pytest.fixture(autouse=True)
def no_request() -> None:
    """The lines of a test have neither the request nor the job of the one before, which an application has served."""
    begin_request("")


class FailuresAtOnce:
    """Prints the name of each test when it fails: a run of an hour that is cut off would tell none of them."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called in the process that prints, for the tests of all processes."""
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_line(f"failed: {report.nodeid}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Say what is wrong where pfcon was installed before it had a plugin, rather than fail in each test.

    A shell that runs the tests in the background ignores SIGINT, and nohup SIGHUP, for all that they start, too. Tests
    send both.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)  # what is started has the default action (execve(2))
    if not config.pluginmanager.has_plugin("pfcon"):
        raise pytest.UsageError("pytest does not find the plugin of pfcon: install pfcon again, as tests/run.sh does")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is not None and not hasattr(config, "workerinput"):  # not in a process of pytest-xdist
        config.pluginmanager.register(FailuresAtOnce(terminal))
