"""gunicorn's own lines, in the form of the service's log."""

from typing import Any

from gunicorn.glogging import Logger


class GunicornLog(Logger):
    """Leaves the form of lines and their destination to Python's root logger. Its log of requests is not used."""

    def setup(self, cfg: Any) -> None:
        """See gunicorn.glogging.Logger: add no handlers of its own."""
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.handlers.clear()

    def reopen_files(self) -> None:
        """Do nothing: the log has no files."""

    def close_on_exec(self) -> None:
        """Do nothing, as above."""
