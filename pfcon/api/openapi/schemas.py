"""JSON Schemas of Python's types: TypedDicts, enumerations, and what stands beside them as ``About``."""

import inspect
import types
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from pfcon.about import About
from pfcon.api.fields import Schema

_PLAIN: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


class Schemas:
    """Makes schemas. Those of types with keys are collected in ``components``, by the names of the types."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type. Raises TypeError for one that has no JSON."""
        if kind in _PLAIN:
            return {"type": _PLAIN[kind]}
        if is_typeddict(kind):
            return self._reference(kind)
        if isinstance(kind, type) and issubclass(kind, StrEnum):
            return {"type": "string", "enum": [str(member) for member in kind]}
        return self._composed(get_origin(kind), get_args(kind))

    def _composed(self, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        if origin is Annotated:
            return self._described(*arguments)
        if origin in (Union, types.UnionType):
            return self._union(arguments)
        if origin is list:
            return {"type": "array", "items": self.of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        raise TypeError(f"{origin} has no JSON schema")

    def _described(self, kind: Any, about: About) -> Schema:
        return {**self.of(kind), **about.schema, "description": about.text}

    def _union(self, kinds: tuple[Any, ...]) -> Schema:
        schemas = [self.of(kind) for kind in kinds]
        if all(schema.keys() == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def _reference(self, kind: Any) -> Schema:
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}  # it may contain itself
            hints = get_type_hints(kind, include_extras=True)
            self.components[name] = {
                "type": "object",
                "description": first_paragraph(kind),
                "properties": {key: self.of(value) for key, value in hints.items()},
                "required": list(hints),
            }
        return {"$ref": f"#/components/schemas/{name}"}


def first_paragraph(described: Any) -> str:
    """Return the first paragraph of a docstring in one line, without what it says about Python's errors."""
    text = " ".join((inspect.getdoc(described) or "").partition("\n\n")[0].split())
    return text.partition(" Raises ")[0]
