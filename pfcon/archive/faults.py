"""The errors for clients whose upload can't be staged."""

from pfcon.errors import InvalidFields, TooLarge
from pfcon.units import human_bytes

_SHOWN = 200  # characters of a member's name in a message
NO_ZIP64 = (
    "macOS's Archive Utility makes such a zip without ZIP64, so sizes and offsets above 4 GiB are lost;"
    " make it with `zip -r` or 7-Zip"
)


def bad_zip(reason: str) -> InvalidFields:
    """Return the error for an upload that is not a valid zip. Clients recognize the words ``Bad zip file``."""
    return InvalidFields({"data_file": f"Bad zip file: {reason}"})


def shown_name(name: str) -> str:
    """Return a name as messages contain it: quoted, and shortened if it is long."""
    return repr(name if len(name) <= _SHOWN else name[:_SHOWN] + "…")


def bad_member(name: str, reason: str) -> InvalidFields:
    """Return the error for a zip with a member that is not accepted."""
    return InvalidFields({"data_file": f"zip member {shown_name(name)} {reason}"})


def above(what: str, count: int, limit: int, setting: str) -> TooLarge:
    """Return the error for a number above a limit, which an administrator may change."""
    return TooLarge(f"data_file: {what} {count}, the limit is {limit} ({setting})")


def above_bytes(what: str, count: int, limit: int, setting: str) -> TooLarge:
    """Return the error for a size in bytes above a limit, which an administrator may change."""
    return TooLarge(f"data_file: {what} {human_bytes(count)}, the limit is {human_bytes(limit)} ({setting})")
