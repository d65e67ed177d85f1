"""Misbehaviours as people write them: tables of TOML, and one line for ``--misbehave``.

::

    [[greylisted.misbehaviours]]
    kind = "answer"
    when = { command = "RCPT", nth = "1-2" }
    send = "450 4.2.0 Greylisted, try again later"

is the same as ``answer command=RCPT nth=1-2 send="450 4.2.0 Greylisted, try again later"``: no kind has a field that is
called like a condition. A field that is given several times is a list. Imported when something is read.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from msgspec import inspect

from labserver.errors import ConfigurationError, told
from labserver.misbehaviours.conditions import When
from labserver.misbehaviours.impossible import check
from labserver.misbehaviours.kinds.fields import FORMS
from labserver.misbehaviours.table import KINDS
from labserver.tables import TableError, converted, unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from labserver.misbehaviours.base import Misbehaviour

__all__ = ["CONDITIONS", "misbehaviour", "read_misbehaviours", "read_options"]

CONDITIONS = When.__struct_fields__
"""The conditions, in the order in which people read about them."""

_OPTION = "--misbehave"
_FORMS = {repr(kind.__metadata__[0].pattern): words for kind, words in FORMS.items()}
"""By the pattern, as messages have it."""
_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{1,18})?")
_BOOLEANS = {"true": True, "false": False}
_LONGEST = 1 << 16
"""Characters of an option."""


def read_misbehaviours(tables: object, services: Sequence[str]) -> tuple[Misbehaviour, ...]:
    """Return what an array of tables says, for a scenario on some services.

    Raises TableError, whose path begins in the array, for a mistake and for what could never act.
    """
    if not isinstance(tables, list | tuple):
        raise TableError((), "must be an array of tables: [[ID.misbehaviours]]")
    links = []
    for place, table in enumerate(tables):
        try:
            links.append(misbehaviour(table))
        except TableError as error:
            raise error.below(place) from error
    check(links, services)
    return tuple(links)


def misbehaviour(table: object) -> Misbehaviour:
    """Return what one table says; raises TableError."""
    if not isinstance(table, dict):
        raise TableError((), "must be a table with kind and its fields")
    if "kind" not in table:
        raise TableError((), f"kind is missing; choose from {', '.join(KINDS)}")
    kind = KINDS.get(table["kind"]) if isinstance(table["kind"], str) else None
    if kind is None:
        raise TableError(("kind",), unknown(table["kind"], KINDS, what="kind"))
    misplaced = [key for key in table if key in CONDITIONS]
    if misplaced:
        raise TableError((misplaced[0],), f"is a condition; write when = {{ {misplaced[0]} = … }}")
    try:
        return converted(table, kind, _read)
    except TableError as error:
        raise TableError(error.path, _in_words(error.what)) from error


def _in_words(what: str) -> str:
    """Return what is wrong with a text without the pattern that it does not match."""
    form = next((words for pattern, words in _FORMS.items() if pattern in what), "")
    return f"must be {form}" if form else what


def _read(kind: type[Any], value: object) -> Any:  # noqa: ANN401 -- msgspec's hook
    return kind.read(value)


def read_options(texts: Iterable[str], services: Sequence[str]) -> tuple[Misbehaviour, ...]:
    """Return what ``--misbehave`` says, given as often as it is; raises ConfigurationError."""
    given = list(texts)
    links = []
    for text in given:
        try:
            links.append(misbehaviour(_table(text)))
        except TableError as error:
            raise _mistake(text, error.path, error.what) from error
    try:
        check(links, services)
    except TableError as error:
        place, *path = error.path
        raise _mistake(given[int(place)], path, error.what) from error
    return tuple(links)


def _mistake(text: str, path: Sequence[str | int], what: str) -> ConfigurationError:
    keys = [key for key in path if isinstance(key, str) and key not in {"when", "kind"}]
    where = f"{keys[0]}: " if keys else ""
    return ConfigurationError(f"{_OPTION} {told(text)}: {where}{what}")


def _table(text: str) -> dict[str, Any]:
    """Return an option as the table that it stands for; raises TableError."""
    if len(text) > _LONGEST:
        raise TableError((), f"it has more than {_LONGEST:,} characters; use --scenario-file")
    try:
        name, *words = shlex.split(text)
    except ValueError as error:
        problem = "it is empty" if not text.strip() else f"{str(error).lower()}; put a value in quotes once"
        raise TableError((), f"{problem}: KIND FIELD=VALUE …") from error
    kind = KINDS.get(name)
    if kind is None:
        raise TableError(("kind",), unknown(name, KINDS, what="kind"))
    given: dict[str, list[str]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise TableError((), f"{word!r} is not FIELD=VALUE; put a value with spaces in quotes")
        given.setdefault(key, []).append(value)
    conditions = _types(When)
    fields = {key: one for key, one in _types(kind).items() if key != "when"}
    table: dict[str, Any] = {"kind": name}
    for key, values in given.items():
        field, dot, inner = key.partition(".")
        if field in conditions and not dot:
            table.setdefault("when", {})[key] = _typed(values, conditions[key])
        elif field in fields and not dot:
            table[key] = _typed(values, fields[key])
        elif field in fields and isinstance(fields[field], inspect.DictType):
            table.setdefault(field, {})[inner] = values[-1]
        else:
            raise TableError((key,), unknown(key, [*fields, *conditions], what="field or condition"))
    return table


def _types(kind: type[Any]) -> Mapping[str, inspect.Type]:
    info = inspect.type_info(kind)
    return {field.encode_name: field.type for field in info.fields} if isinstance(info, inspect.StructType) else {}


def _typed(values: list[str], info: inspect.Type) -> object:
    """Return what was typed as what a table would have: numbers, booleans and lists where the field wants them."""
    types = info.types if isinstance(info, inspect.UnionType) else (info,)
    arrays = [one for one in types if isinstance(one, inspect.VarTupleType)]
    texts = any(isinstance(one, inspect.StrType | inspect.EnumType | inspect.LiteralType) for one in types)
    converted_values = [_one(value, types) for value in values]
    if arrays and (len(values) > 1 or not texts):
        return [] if values == [""] else converted_values
    return converted_values if len(values) > 1 else converted_values[0]


def _one(value: str, types: Iterable[inspect.Type]) -> object:
    for one in types:
        if isinstance(one, inspect.BoolType) and value in _BOOLEANS:
            return _BOOLEANS[value]
        if isinstance(one, inspect.IntType) and _INTEGER.fullmatch(value):
            return int(value)
        if isinstance(one, inspect.FloatType) and _NUMBER.fullmatch(value):
            return float(value)
    return value
