"""The errors that pfcon tells its callers.

Three answers are never mixed up: *absent* (404), *refused* (4xx) and *unreachable* (503). Each class
carries its HTTP status, so that the HTTP layer maps all of them in one place. Messages are for users:
they name what was wrong and what to do, and hold no secrets.
"""

from collections.abc import Mapping


class PfconError(Exception):
    """Base of all errors that reach a client.

    ``message`` is a text, or a mapping from request field to text for argument errors.
    ``retryable`` tells whether the same request may succeed later.
    """

    status = 500
    retryable = False

    def __init__(self, message: str | Mapping[str, str]) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        if isinstance(self.message, str):
            return self.message
        return "; ".join(f"{field}: {text}" for field, text in self.message.items())


class Refused(PfconError):
    """The request can't be served as it is; asking again changes nothing."""

    status = 400


class InvalidFields(Refused):
    """One or more request fields are missing or malformed; the message maps each to its fault."""

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__(dict(faults))


class Unauthorized(PfconError):
    """No valid token."""

    status = 401


class Absent(PfconError):
    """What was asked for does not exist."""

    status = 404


class Foreign(Absent):
    """What has the name of the job is another pfcon's: to this one it is absent, and never shown or touched.

    ``service``: the id that it carries, empty where it has none; anybody may have written it. ``ended``: whether it is
    known to have ended.
    """

    status = 409

    def __init__(self, message: str, *, service: str = "", ended: bool = False) -> None:
        super().__init__(message)
        self.service = service
        self.ended = ended


class Conflict(PfconError):
    """Another job, or another state of this one, is in the way."""

    status = 409


class TooLarge(PfconError):
    """A limit on size or number; the message states the number."""

    status = 413


class TooManyRequests(PfconError):
    """More attempts of a kind that is limited than one source may make; the same request may succeed later."""

    status = 429
    retryable = True


class StorageFull(PfconError):
    """storeBase, or the database of records, has no room; the message states the numbers that are known.

    The same request may succeed later.
    """

    status = 507
    retryable = True


class UnsupportedContent(PfconError):
    """The request's Content-Type is not one that the resource reads."""

    status = 415


class Unreachable(PfconError):
    """An engine, database or store did not answer; the same request may succeed later."""

    status = 503
    retryable = True


class ImageMissing(PfconError):
    """The engine has to fetch the image before it can run the job (see ``ComputeEngine.prepare``)."""

    status = 503
    retryable = True


class ConfigurationError(Exception):
    """The settings can't work. ``faults`` holds one line for each; all are told together."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("pfcon can't start with these settings:\n" + "\n".join(f"  - {line}" for line in faults))
