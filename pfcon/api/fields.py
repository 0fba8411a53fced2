"""What a field of a form, or a parameter of a URL, may be: for the parsers and for the OpenAPI document."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Schema = dict[str, Any]

MAX_INT = 2**31 - 1
NO_NUL = "^[^\\u0000]*$"


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field. about: a sentence for authors of clients. required: a request without it is refused.

    most: how many times a field may be repeated; None for any number of times.
    """

    name: str
    about: str
    required: bool = True
    repeated: bool = False
    most: int | None = None

    def schema(self) -> Schema:
        """Return the JSON Schema of the field's value, or of its list of values."""
        if not self.repeated:
            return {**self.one(), "description": self.about}
        listed: Schema = {"type": "array", "items": self.one(), "description": self.about}
        if self.required:
            listed["minItems"] = 1
        if self.most is not None:
            listed["maxItems"] = self.most
        return listed

    def one(self) -> Schema:
        """Return the JSON Schema of a single value."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Text(Field):
    """A text.

    pattern: a regular expression, of ECMA 262 and of Python. longest: in characters. choices: all values. empty: what
    an empty text is: refused, left out of the list of values, or a value as any other. formats: of JSON Schema; a value
    has one of them.
    """

    pattern: str = NO_NUL
    longest: int | None = None
    choices: type[StrEnum] | None = None
    formats: tuple[str, ...] = ()
    empty: Literal["refused", "dropped", "kept"] = "refused"

    def schema(self) -> Schema:
        """See Field."""
        schema = super().schema()
        if self.repeated and self.required and self.empty == "dropped":
            schema["contains"] = {"type": "string", "minLength": 1}
        return schema

    def one(self) -> Schema:
        """See Field."""
        if self.choices is not None:
            return {"type": "string", "enum": [str(choice) for choice in self.choices]}
        schema: Schema = {"type": "string"}
        if self.formats:
            return {**schema, "anyOf": [{"format": name} for name in self.formats]}
        schema["pattern"] = f"^$|{self.pattern}" if self.empty == "dropped" else self.pattern
        if self.empty == "refused":
            schema["minLength"] = 1
        if self.longest is not None:
            schema["maxLength"] = self.longest
        return schema


@dataclass(frozen=True, kw_only=True)
class Number(Field):
    """A decimal integer from ``least`` to ``highest``. default: the value without the field."""

    least: int
    highest: int = MAX_INT
    default: int | None = None

    def one(self) -> Schema:
        """See Field."""
        schema: Schema = {"type": "integer", "minimum": self.least, "maximum": self.highest}
        return schema if self.default is None else {**schema, "default": self.default}


@dataclass(frozen=True, kw_only=True)
class File(Field):
    """An uploaded file. media_type: of its content."""

    media_type: str

    def one(self) -> Schema:
        """See Field."""
        return {"type": "string", "format": "binary"}


class Form(Mapping[str, Field]):
    """The fields of a form, or the parameters of a URL, by their names."""

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = {field.name: field for field in fields}

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __iter__(self) -> Any:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def schema(self, *, files: bool = True) -> Schema:
        """Return the JSON Schema of the form. files: with its files."""
        shown = [field for field in self.values() if files or not isinstance(field, File)]
        return {
            "type": "object",
            "properties": {field.name: field.schema() for field in shown},
            "required": [field.name for field in shown if field.required],
        }

    @property
    def has_files(self) -> bool:
        """Whether a field is an uploaded file."""
        return any(isinstance(field, File) for field in self.values())
