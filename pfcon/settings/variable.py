"""What a setting is (Variable), and what was read of all of them (Values). No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from pfcon.settings.kinds import Kind

T = TypeVar("T")

FILE_SUFFIX = "_FILE"
_SHOWN_CHARACTERS = 80


class Mode(StrEnum):
    """APPLICATION_MODE."""

    PRODUCTION = "production"
    DEVELOPMENT = "development"


@dataclass(frozen=True)
class Variable(Generic[T]):
    """One environment variable: it is read, checked and documented from this. ``setting`` declares one.

    default: the text that is read when the variable is not set; None leaves it out.
    development: the same in development, where it differs.
    note: what the documentation says in place of a default that follows from other settings.
    required: whether the component that it belongs to can't do without it.
    exclusive: refused where the chosen engine or storage does not have it: what is set is never silently ignored.
    secret: never shown. from_file: ``NAME_FILE`` may name a file that holds it; every secret may come so.
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
        """The variable that names a file holding this one; None if it can't come from a file."""
        return self.name + FILE_SUFFIX if self.secret or self.from_file else None

    def default_in(self, mode: Mode) -> str | None:
        """The text to read when the variable is not set."""
        if mode is Mode.DEVELOPMENT and self.development is not None:
            return self.development
        return self.default

    def fault(self, got: str | None, reason: str = "") -> str:
        """One line for ConfigurationError: what the variable got (None: nothing), why not, what it accepts."""
        shown = "is not set" if got is None else f"got {self._shown(got)}"
        return f"{self.name}: {shown}{reason and ', ' + reason}; it accepts {self.kind.accepts}"

    def _shown(self, got: str) -> str:
        if self.secret:
            return f"a value of {len(got)} characters"
        return repr(got if len(got) <= _SHOWN_CHARACTERS else got[: _SHOWN_CHARACTERS - 1] + "…")


@dataclass(frozen=True)
class Values:
    """Typed values by variable. ``texts`` holds what was set; ``unreadable`` names those that could not be read.

    variables: those that were read, by name; each may accept less than it was declared with.
    """

    parsed: Mapping[str, Any] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)
    unreadable: frozenset[str] = frozenset()
    variables: Mapping[str, Variable[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, variable: Variable[T]) -> T:
        """The value; raises KeyError when it has none."""
        found: T = self.parsed[variable.name]
        return found

    def get(self, variable: Variable[T]) -> T | None:
        """The value; None when it has none or it could not be read."""
        return self[variable] if variable.name in self.parsed else None

    def given(self, variable: Variable[Any]) -> bool:
        """Whether the variable was set, well or not."""
        return variable.name in self.texts or variable.name in self.unreadable

    def missing(self, variable: Variable[Any]) -> bool:
        """Whether the variable is neither set nor has a default."""
        return variable.name not in self.parsed and variable.name not in self.unreadable

    def fault(self, variable: Variable[Any], reason: str = "") -> str:
        """A line that says what is wrong with what the variable got."""
        return self.variables.get(variable.name, variable).fault(self.texts.get(variable.name), reason)
