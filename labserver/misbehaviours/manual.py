"""What there is to know of the kinds, gathered from the classes themselves: nothing is written a second time.

Docstrings of classes and fields are read from the source, so this is for who asks for help, and not for a lab.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import inspect as types

from labserver.misbehaviours.conditions import When
from labserver.misbehaviours.table import AXES, KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labserver.misbehaviours.base import Misbehaviour

__all__ = ["Field", "Kind", "as_option", "as_toml", "conditions", "describe", "kinds", "schema"]

_CUSTOM = {"Lines": "lines: a text, or a list of them", "Octets": "a text", "Nth": 'a text such as "1-2"'}
_SCALARS = {"StrType": "a text", "BoolType": "true or false"}
_NUMBERS = {"IntType": "an integer", "FloatType": "a number"}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a kind, or a condition."""

    name: str
    type: str
    """In words."""
    default: str
    """As TOML; empty for none: without it, the field does nothing, or has to be given."""
    required: bool
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of misbehaviour."""

    name: str
    axis: str
    """What the kinds of its module have in common."""
    summary: str
    """Its first sentence."""
    more: str
    """The rest of what is said of it, with the source; paragraphs with an empty line between."""
    fields: tuple[Field, ...]
    occasions: tuple[str, ...]
    """When it acts if its conditions do not say; none for the handshake, credentials, or the whole connection."""
    protocols: tuple[str, ...]
    instrument: bool
    example: Mapping[str, Any]
    """A table that works, without ``kind``."""


def kinds() -> Iterator[Kind]:
    """Yield every kind in the order of its axes."""
    for module, classes in AXES.items():
        axis = inspect.cleandoc(module.__doc__ or "").replace("\n", " ")
        for kind in classes:
            yield _described(kind, axis)


def _described(kind: type[Misbehaviour], axis: str) -> Kind:
    first, _, rest = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
    return Kind(
        name=str(kind.__struct_config__.tag),
        axis=axis,
        summary=_plain(first),
        more="\n\n".join(_plain(part) for part in rest.split("\n\n") if part),
        fields=tuple(_fields(kind)),
        occasions=tuple(sorted(kind.on)) if kind.uses("exchange") or kind.uses("reply") else (),
        protocols=tuple(sorted(kind.protocols)),
        instrument=kind.instrument,
        example=kind.example,
    )


def conditions() -> tuple[Field, ...]:
    """Return every condition."""
    return tuple(_fields(When))


def _fields(kind: type[msgspec.Struct]) -> Iterator[Field]:
    meanings = _meanings(kind)
    info = types.type_info(kind)
    if not isinstance(info, types.StructType):
        return
    for field in info.fields:
        if field.type is not None and field.encode_name != "when":
            yield Field(
                name=field.encode_name,
                type=_in_words(field.type),
                default="" if field.required else _default(field),
                required=field.required,
                meaning=meanings[field.name],
            )


def _meanings(kind: type[object]) -> dict[str, str]:
    """Return the docstrings of a class's fields, inherited ones included."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith("labserver."):
            found |= _docstrings(_classes(one.__module__)[one.__name__].body)
    return found


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    """Return the classes of a module as they are written."""
    source = inspect.getsource(sys.modules[module])
    return {one.name: one for one in ast.parse(source).body if isinstance(one, ast.ClassDef)}


def _docstrings(statements: list[ast.stmt]) -> dict[str, str]:
    found = {}
    for statement, behind in pairwise(statements):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            said = behind.value if isinstance(behind, ast.Expr) else None
            if isinstance(said, ast.Constant) and isinstance(said.value, str):
                found[statement.target.id] = _plain(inspect.cleandoc(said.value))
    return found


def _plain(text: str) -> str:
    """Return a paragraph in one line, with code as Markdown has it."""
    return " ".join(text.split()).replace("``", "`")


def _default(field: types.Field) -> str:
    value = field.default if field.default is not msgspec.NODEFAULT else None
    if value is None or value == () or not (text := _toml(getattr(value, "text", value))):
        return ""
    return "" if text == '""' else text


def _in_words(info: types.Type) -> str:
    """Return what a value may be, for people."""
    match info:
        case types.UnionType():
            return _union([one for one in info.types if not isinstance(one, types.NoneType)])
        case types.LiteralType():
            words = _one_of(map(str, info.values))
        case types.EnumType():
            words = _one_of(str(one.value) for one in info.cls)
        case types.VarTupleType():
            words = f"a list: {_in_words(info.item_type)}"
        case types.CustomType():
            words = _CUSTOM[info.cls.__name__]
        case types.DictType():
            words = "a table of texts"
        case types.IntType() | types.FloatType():
            words = _number(info)
        case _:
            words = _SCALARS[type(info).__name__]
    return words


def _number(info: types.IntType | types.FloatType) -> str:
    bounds = [f"{word} {bound:,}" for key, word in _BOUNDS.items() if (bound := getattr(info, key)) is not None]
    return " ".join((_NUMBERS[type(info).__name__], ", ".join(bounds))).strip()


def _union(info: list[types.Type]) -> str:
    single = [one for one in info if not isinstance(one, types.VarTupleType)]
    several = ", or a list" if len(single) < len(info) and single else ""
    return f"{_in_words(single[0])}{several}" if single else _in_words(info[0])


def _one_of(words: Iterator[str]) -> str:
    return " or ".join(f"`{word}`" for word in words)


# Notation


def as_toml(kind: str, fields: Mapping[str, Any], scenario: str = "mine") -> str:
    """Return a misbehaviour as a table of a scenario."""
    lines = [f"[[{scenario}.misbehaviours]]", f"kind = {_toml(kind)}"]
    lines += [f"{name} = {_toml(value)}" for name, value in fields.items()]
    return "\n".join(lines)


def as_option(kind: str, fields: Mapping[str, Any]) -> str:
    """Return the same as the value of ``--misbehave``."""
    words = [kind]
    for name, value in {**fields.get("when", {}), **fields}.items():
        if name == "when":
            continue
        for key, one in _spread(name, value):
            text = one if isinstance(one, str) else json.dumps(one)
            words.append(f"{key}={_quoted(text)}")
    return " ".join(words)


def _spread(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the words that a value becomes: each item of a list, and each key of a table, is one of its own."""
    if isinstance(value, dict):
        yield from ((f"{name}.{key}", one) for key, one in value.items())
    elif isinstance(value, list):
        yield from ((name, one) for one in value)
    else:
        yield name, value


def _quoted(text: str) -> str:
    plain = text and not set(text) & set(" \"'\\\t\n#")
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _toml(value: object) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


# For editors

_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_CUSTOM_SCHEMAS: dict[str, dict[str, Any]] = {
    "Lines": _TEXTS,
    "Octets": _TEXTS,
    "Nth": {
        "anyOf": [
            {"type": "string", "pattern": "^(every [1-9][0-9]*|[1-9][0-9]*(-([1-9][0-9]*)?)?)$"},
            {"type": "integer", "minimum": 1},
        ]
    },
}


def schema(reference: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the JSON Schema of one misbehaviour, and the definitions to which it refers as ``reference`` says."""
    schemas, definitions = msgspec.json.schema_components(
        tuple(KINDS.values()), schema_hook=_custom_schema, ref_template=reference
    )
    described: dict[str, type[msgspec.Struct]] = {When.__name__: When}
    described |= {kind.__name__: kind for kind in KINDS.values()}
    for name, definition in definitions.items():
        if name in described:
            describe(definition, described[name])
    _translate(definitions)
    return {"anyOf": list(schemas)}, definitions


def _translate(schema: object) -> None:
    r"""Make Python's patterns those of JSON Schema, which knows neither ``\A`` nor ``\Z`` (ECMA-262)."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace("\\A", "^").replace("\\Z", "$")
        for one in schema.values():
            _translate(one)
    elif isinstance(schema, list):
        for one in schema:
            _translate(one)


def _custom_schema(kind: type[Any]) -> dict[str, Any]:
    return deepcopy(_CUSTOM_SCHEMAS[kind.__name__])


def describe(definition: dict[str, Any], kind: type[object]) -> None:
    """Add to a definition what the docstrings of a class and its fields say."""
    definition["description"] = _plain(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0])
    for name, meaning in _meanings(kind).items():
        if name in definition["properties"]:
            definition["properties"][name]["description"] = meaning
