"""What no answer of an engine means. Pure."""

from pfcon.errors import Unreachable


class NoAnswer(Unreachable):
    """The engine did not answer at all. ``may_have_arrived``: whether it may have received the request."""

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class MaybeCreated(Unreachable):
    """The engine fell silent while it was to create a job, and may have it. Asking for the same job again tells."""


def maybe_created(fault: Exception) -> MaybeCreated:
    """What it means that this happened while a job was being created."""
    return MaybeCreated(f"{fault}; the job may have been created")
