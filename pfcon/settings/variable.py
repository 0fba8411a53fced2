"""Variable: the declaration of a setting. Values: what was parsed of all settings. No I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pfcon.settings.kinds import Kind

T = TypeVar("T")

FILE_SUFFIX = "_FILE"
_SHOWN_CHARACTERS = 80
_USER_INFO = re.compile(r"(?<=//).*@")  # of a URL, with a password; refused, but maybe given


class Mode(StrEnum):
    """APPLICATION_MODE."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


@dataclass(frozen=True)
class Variable(Generic[T]):
    """The declaration of an environment variable, used to read, check and document it. See ``setting``.

    default: the text to parse when the variable is not set; None: no default.
    development: the default in development mode; None: the same.
    note: documents a default that depends on other settings.
    required: whether its component needs a value.
    exclusive: setting it is an error unless the chosen engine or storage uses it: no set value is silently ignored.
    secret: never shown. from_file: ``NAME_FILE`` may name a file with the value; always possible for secrets.
    """

    name: str
    kind: Kind[T]
    meaning: str
    default: str | None = None
    development: str | None = None
    note: str = ""
    required: bool = False
    exclusive: bool = False
    secret: bool = False
    from_file: bool = False

    @property
    def file_name(self) -> str | None:
        """The variable that names a file with the value; None if that is not possible."""
        return self.name + FILE_SUFFIX if self.secret or self.from_file else None

    def default_in(self, mode: Mode) -> str | None:
        """Return the text to parse when the variable is not set, or None."""
        if mode is Mode.DEVELOPMENT and self.development is not None:
            return self.development
        return self.default

    def fault(self, got: str | None, reason: str = "") -> str:
        """Return a line for ConfigurationError. got: the variable's text, None if unset.

        reason: why it is refused; a sentence, or a clause that begins with "which" or "but".
        """
        shown = "is not set" if got is None else f"got {self._shown(got)}"
        joint = ", " if reason.startswith(("which ", "but ")) else "; "
        return f"{self.name}: {shown}{reason and joint + reason}; it accepts {self.kind.accepts}"

    def _shown(self, got: str) -> str:
        if self.secret:
            return f"a value of {len(got)} characters"
        known = _USER_INFO.sub("…@", got)
        return repr(known if len(known) <= _SHOWN_CHARACTERS else known[: _SHOWN_CHARACTERS - 1] + "…")


@dataclass(frozen=True)
class Values:
    """Typed values by variable. texts: what was set. unreadable: the names of variables with unreadable values.

    variables: the variables used for parsing, by name. Each may accept less than its declaration.
    """

    parsed: Mapping[str, Any] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    unreadable: frozenset[str] = frozenset()
    variables: Mapping[str, Variable[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, variable: Variable[T]) -> T:
        """Return the value. Raises KeyError when it is missing."""
        found: T = self.parsed[variable.name]
        return found

    def get(self, variable: Variable[T]) -> T | None:
        """Return the value; None when it is missing or unreadable."""
        return self[variable] if variable.name in self.parsed else None

    def given(self, variable: Variable[Any]) -> bool:
        """Whether the variable was set, readable or not."""
        return variable.name in self.texts or variable.name in self.unreadable

    def missing(self, variable: Variable[Any]) -> bool:
        """Whether the variable is neither set nor has a default."""
        return variable.name not in self.parsed and variable.name not in self.unreadable

    def fault(self, variable: Variable[Any], reason: str = "") -> str:
        """Return a line for ConfigurationError; see ``Variable.fault``."""
        return self.variables.get(variable.name, variable).fault(self.texts.get(variable.name), reason)
