"""The settings of the service's log."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pfcon.settings import kinds
from pfcon.settings.section import setting


class LogForm(StrEnum):
    """PFCON_LOG_FORMAT."""

    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    """PFCON_LOG_LEVEL."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class LogSettings:
    """How the service logs. audit: a file for the audit lines; None: they are in the log."""

    form: LogForm = setting(
        "PFCON_LOG_FORMAT",
        kinds.choice(LogForm),
        "The form of the [log](log.md): lines for people, or a JSON object in each line.",
        default="text",
    )
    level: LogLevel = setting(
        "PFCON_LOG_LEVEL",
        kinds.choice(LogLevel),
        "The least important lines that are logged. `debug` has a line for each request.",
        default="info",
        development="debug",
    )
    audit: Path | None = setting(
        "PFCON_AUDIT_FILE",
        kinds.local_file(),
        "A file for the [audit lines](log.md#audit), as JSON, instead of the log.",
    )
