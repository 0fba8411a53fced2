"""What no answer of an engine means. Pure."""

from pfcon.errors import Unreachable


class NoAnswer(Unreachable):
    """The engine did not answer at all. ``sent``: whether it may have got the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


def maybe_created(fault: NoAnswer) -> NoAnswer:
    """The same, saying what silence means while a job is being created."""
    return NoAnswer(f"{fault}; the job may have been created", sent=True)
