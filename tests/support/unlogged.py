"""What no log may have: the secrets of a service, tokens, and values of jobs' environments."""

import re
from collections.abc import Mapping

from pfcon.configuration.known import KnownSettings

UNLOGGED = "a-value-of-a-job-that-no-log-may-have"
"""A value of the environment of the tests' jobs."""

_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
_SECRET = {variable.name for variable in KnownSettings().variables if variable.secret}
_SHORTEST = 6  # characters of a secret that is searched: shorter ones of tests are parts of other words


def secrets_in(log: str, environ: Mapping[str, str]) -> list[str]:
    """What is wrong with a service's log. environ: its settings."""
    found = [f"the value of {name}" for name, value in environ.items() if name in _SECRET and _is_in(value, log)]
    if UNLOGGED in log:
        found.append("a value of a job's environment")
    found += [f"a token: {token[:12]}…" for token in _TOKEN.findall(log)]
    return found


def _is_in(secret: str, log: str) -> bool:
    return len(secret) >= _SHORTEST and secret in log
