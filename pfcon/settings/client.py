"""The settings of pfcon's commands that are clients of a service, such as ``pfcon run``."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting


@dataclass(frozen=True)
class ClientSettings:
    """Where the service is. User and password are those of ``AuthSettings``. None: not set."""

    url: str | None = setting(
        "PFCON_URL",
        kinds.url(),
        "The service that [the commands for its users](command-line.md) ask; the service itself does not use it.",
        note="that of a file, or the service on this host if `PFCON_BIND` is set",
    )
