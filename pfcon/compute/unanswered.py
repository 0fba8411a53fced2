"""The errors for requests that an engine did not answer. Pure."""

from pfcon.errors import Unreachable


class NoAnswer(Unreachable):
    """The engine did not answer. ``may_have_arrived``: whether it may have received the request."""

    def __init__(self, message: str, *, may_have_arrived: bool) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class MaybeCreated(Unreachable):
    """The engine did not answer a request to create a job, and may have created it. Repeating the request is safe."""


def maybe_created(fault: Exception) -> MaybeCreated:
    """Return the error for a fault that occurred while a job was being created."""
    return MaybeCreated(f"{fault}; the job may have been created")
