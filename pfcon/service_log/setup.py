"""Sets up Python's logging for a service or a command."""

import logging
import sys
from pathlib import Path

from pfcon.service_log.audit_file import AuditFile
from pfcon.service_log.lines import JsonFormatter, TextFormatter

AUDIT = "pfcon.audit"
"""The logger of the audit lines: see ``docs/log.md``."""


def set_up(*, level: str, form: str, audit: Path | None = None) -> None:
    """Log to standard error. level: a name of Python's logging. form: ``text`` or ``json``.

    Only pfcon itself logs at DEBUG: the libraries' lines of that level have headers and bodies, so also secrets.

    audit: a file for the lines of AUDIT, always as JSON. Without it they are in the log. Raises OSError if it can't be
    written.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=max(number, logging.INFO), handlers=[handler], force=True)
    logging.getLogger("pfcon").setLevel(number)
    logger = logging.getLogger(AUDIT)
    logger.setLevel(logging.INFO)
    for old in list(logger.handlers):
        logger.removeHandler(old)
        old.close()
    logger.propagate = audit is None
    if audit is not None:
        file = AuditFile(audit)
        file.setFormatter(JsonFormatter())
        logger.addHandler(file)
