"""The errors that pfcon reports to clients.

Three cases are always distinguished: *absent* (404), *refused* (4xx) and *unreachable* (503). Each class has its HTTP
status, so the HTTP layer maps all of them in one place. Messages are for users: they say what is wrong and what to do,
and contain no secrets.
"""

from collections.abc import Mapping

from pfcon.reasons import Why


class PfconError(Exception):
    """Base of all errors that reach a client.

    message: a text, or for invalid arguments a mapping from request field to text.
    retryable: whether the same request may succeed later. retry_after: the seconds to wait before that.
    reason: a code of ``pfcon.reasons``, for a job that ends by this error; ``""`` if there is none. detail: the words
    of an engine or a registry, for the log of the service.
    """

    status = 500
    retryable = False
    retry_after = 5

    def __init__(self, message: str | Mapping[str, str], *, reason: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.detail = detail

    @property
    def why(self) -> Why:
        """Why a job failed that ends by this error."""
        return Why(str(self), reason=self.reason, detail=self.detail)

    def __str__(self) -> str:
        if isinstance(self.message, str):
            return self.message
        return "; ".join(f"{field}: {text}" for field, text in self.message.items())


class Refused(PfconError):
    """The request is invalid; repeating it unchanged fails again."""

    status = 400


def refused(why: Why) -> Refused:
    """Return the error for a job that can't run for that reason."""
    return Refused(why.message, reason=why.reason, detail=why.detail)


class InvalidFields(Refused):
    """One or more request fields are missing or malformed; the message maps each to a text."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(dict(faults))


class Unauthorized(PfconError):
    """The request has no valid token."""

    status = 401


class Absent(PfconError):
    """The requested object does not exist."""

    status = 404


class Foreign(Absent):
    """The engine's job of that name belongs to another service. It counts as absent: it is never shown or changed.

    service: the id of the service in the job's labels, empty if missing; it is not authenticated. ended: whether the
    job is known to have ended.
    """

    status = 409

    def __init__(self, message: str, *, service: str = "", ended: bool = False) -> None:
        super().__init__(message)
        self.service = service
        self.ended = ended


class Conflict(PfconError):
    """Another job, or the state of this one, prevents the request."""

    status = 409


class TooLarge(PfconError):
    """A limit of size or number is exceeded; the message states the limit."""

    status = 413


class OutOfRange(PfconError):
    """Nothing of the requested range exists. size: the bytes of the whole."""

    status = 416

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class TooManyRequests(PfconError):
    """A source has made too many attempts; the same request may succeed later."""

    status = 429
    retryable = True


class TooManyJobs(TooManyRequests):
    """A limit of active jobs is reached; the message states the numbers. The same request may succeed later."""

    retry_after = 30


class StorageFull(PfconError):
    """storeBase, or the database of records, is full; the message states the known numbers.

    The same request may succeed later.
    """

    status = 507
    retryable = True


class UnsupportedContent(PfconError):
    """The resource does not accept the request's Content-Type."""

    status = 415


class Unreachable(PfconError):
    """An engine, a database or a storage did not respond; the same request may succeed later."""

    status = 503
    retryable = True


class DamagedJob(Unreachable):
    """An engine answers, but its records of this job can't be read: the job may still run."""


class ImageMissing(PfconError):
    """The engine must fetch the image before it can run the job (see ``ComputeEngine.prepare``)."""

    status = 503
    retryable = True


class ConfigurationError(Exception):
    """The settings are invalid. faults: one line for each fault; the message has all of them."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("pfcon can't start with these settings:\n" + "\n".join(f"  - {line}" for line in faults))
