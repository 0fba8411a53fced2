"""What identifies a job: the client's id and the kind."""

import re
from enum import StrEnum
from typing import Self

from pfcon.errors import Refused

JID_MAX_LENGTH = 128  # CUBE uses a prefix of at most 100 characters and a number
JID_PATTERN = r"^[A-Za-z0-9](?:\.?[A-Za-z0-9_-])*\.?$"
"""A regular expression of Python and of ECMA 262."""
_JID = re.compile(JID_PATTERN)


class JobId(str):
    """The client's id of a job. It is valid as a directory name and as a name on every engine."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Validate a jid that a client sent; a leading ``/`` is removed.

        Raises Refused with the violated rule.
        """
        text = text.removeprefix("/")
        if len(text) > JID_MAX_LENGTH:
            raise Refused(f"must have at most {JID_MAX_LENGTH} characters, got {len(text)}")
        if not _JID.fullmatch(text):
            raise Refused("must be letters, digits, '_', '-' and single '.', and begin with a letter or digit")
        return cls(text)


class JobKind(StrEnum):
    """The purpose of a job. A jid has at most one job of each kind."""

    PLUGIN = "plugin"
    COPY = "copy"
    UPLOAD = "upload"
    DELETE = "delete"

    @property
    def noun(self) -> str:
        """What messages call it: clients of the synchronous interface know only jobs."""
        return "job" if self is JobKind.PLUGIN else f"{self.value} job"

    def engine_name(self, jid: JobId) -> str:
        """Return the job's name on its engine, unique for jid and kind. ``parse_engine_name`` is the inverse.

        The name is the jid and ``-<kind>``. For a plugin job it is the jid alone, unless the jid ends with ``-<kind>``.
        """
        plain = self is JobKind.PLUGIN and _kind_at_the_end(jid) is None
        return jid if plain else f"{jid}-{self.value}"


def parse_engine_name(name: str) -> tuple[JobId, JobKind]:
    """Return jid and kind of an ``engine_name``. Raises Refused for a text that is not the name of a job."""
    kind = _kind_at_the_end(name)
    jid = JobId.parse(name.removesuffix(f"-{kind.value}") if kind else name)
    kind = kind or JobKind.PLUGIN
    if kind.engine_name(jid) != name:
        raise Refused(f"{name!r} can't be the name of a job")
    return jid, kind


def _kind_at_the_end(name: str) -> JobKind | None:
    return next((kind for kind in JobKind if name.endswith(f"-{kind.value}")), None)
