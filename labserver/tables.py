"""TOML that people write: tables become values, and a mistake is told with its file, line, table, key and alternatives.

A reader of a part of a table raises :class:`TableError`, whose path says where the mistake is; :class:`Document` knows
the file and finds the line. TOML's parser and the library that checks types are imported when something is read. The
parser is tomli, of which the standard library has a copy: compiled, it takes a third of the time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import msgspec

__all__ = ["Document", "Key", "TableError", "converted", "read_document", "unknown"]

T = TypeVar("T")
Key = str | int
"""A step into tables: a key, or the place in an array, from 0."""

_LONGEST = 16 << 20
"""Octets of a file."""
_MOST_LINES = 200
"""Lines of a value, of which the first is looked for."""
_SHOWN = 40
"""Characters of a value that a message repeats."""
_MESSAGE = re.compile(r"(.*?)(?: - at `\$(.*)`)?", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_EXPECTED = re.compile(r"Expected `(.*?)`(?:, got `.*`)?(.*)", re.DOTALL)
_TYPES = {
    "str": "a text",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
"""What the library's types are called in TOML; there is no null."""


@dataclass(eq=False)
class TableError(ValueError):
    """What is wrong in a table."""

    path: tuple[Key, ...]
    """Leads to the mistake from where its reader began."""
    what: str

    def below(self, *path: Key) -> TableError:
        """Return the same mistake with a path that begins further up."""
        return TableError((*path, *self.path), self.what)

    def __str__(self) -> str:
        return f"{dotted(self.path)}: {self.what}" if self.path else self.what


@dataclass(frozen=True, slots=True)
class Document:
    """A file of tables."""

    name: str
    """As the user called it."""
    text: str
    tables: Mapping[str, Any]

    def mistake(self, error: TableError) -> ConfigurationError:
        """Return what to tell the user of a mistake in it."""
        table, *keys = error.path or ("",)
        where = f"[{table}]" + (f" {dotted(keys)}" if keys else "") + ": " if table else ""
        return ConfigurationError(f"{self.name}, line {self.line(error.path)}: {where}{error.what}")

    def line(self, path: Iterable[Key]) -> int:
        """Return the line where the value at a path begins, or the innermost table around it that is there.

        It is found by parsing beginnings of the file, so nothing but the parser has to know what TOML looks like.
        """
        wanted = list(path)
        while wanted and not _is_there(self.tables, wanted):
            wanted.pop()
        if not wanted:
            return 1
        lines = self.text.split("\n")
        without, with_it = 0, len(lines)  # so many first lines do not have the value, and do
        while with_it - without > 1:
            middle = (without + with_it) // 2
            if _is_there(_beginning(lines, middle)[1], wanted):
                with_it = middle
            else:
                without = middle
        return _beginning(lines, with_it - 1)[0] + 1  # of a value of several lines, the first


def _beginning(lines: Sequence[str], count: int) -> tuple[int, Mapping[str, Any]]:
    """Return what the first ``count`` lines say, or as many of them as do not end within a value; and how many."""
    import tomli  # noqa: PLC0415 -- loaded already

    for fewer in range(count, max(0, count - _MOST_LINES), -1):
        try:
            return fewer, tomli.loads("\n".join(lines[:fewer]))
        except tomli.TOMLDecodeError:
            continue
    return 0, {}


def _is_there(value: Any, path: Iterable[Key]) -> bool:  # noqa: ANN401 -- whatever TOML has
    for key in path:
        if isinstance(value, list):
            there = isinstance(key, int) and key < len(value)
        else:
            there = isinstance(value, dict) and key in value
        if not there:
            return False
        value = value[key]
    return True


def read_document(path: Path, option: str = "") -> Document:
    """Return a file's tables; ``option`` is the one that named it.

    Raises ConfigurationError for a file that cannot be read, or is no TOML.
    """
    import tomli  # noqa: PLC0415 -- only when something is read

    said = f"{option} {path}".strip()
    try:
        with path.open("rb") as stream:
            content = stream.read(_LONGEST + 1)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{said}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _LONGEST:
        raise ConfigurationError(f"{said}: it has more than {_LONGEST} octets; is it a file of scenarios?")
    try:
        text = content.decode("utf-8-sig")
        return Document(str(path), text, tomli.loads(text))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{path}, line {line}: it is not UTF-8; save it as UTF-8") from error
    except tomli.TOMLDecodeError as error:
        what, line = f"{error.msg[:1].lower()}{error.msg[1:]}", min(error.lineno, len(text.splitlines()))
        raise ConfigurationError(f"{path}, line {line}: not TOML: {what}") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path}: its tables are too deep") from error


def converted(value: object, kind: type[T], hook: Callable[[type, Any], Any] | None = None) -> T:
    """Return a value of TOML as a struct, or as any other type that msgspec knows; raises TableError.

    ``hook`` makes what msgspec does not know; it may raise ValueError.
    """
    import msgspec  # noqa: PLC0415 -- only when something is read

    try:
        return msgspec.convert(value, kind, dec_hook=hook)
    except msgspec.ValidationError as error:
        raise _explained(error, value, kind) from error


def unknown(word: object, known: Iterable[str], *, what: str = "") -> str:
    """Return what to say of a word that is none of the known ones; ``what`` says what it should have been."""
    words = list(known)
    shown = str(word) if len(str(word)) <= _SHOWN else f"{str(word)[:_SHOWN]}…"
    named = f"{what} {shown}" if what else shown
    return f"unknown {named}{did_you_mean(str(word), words) or ';'} choose from {', '.join(words)}"


def dotted(path: Iterable[Key]) -> str:
    """Return a path as messages have it: ``misbehaviours[0].when``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _explained(error: msgspec.ValidationError, value: object, kind: object) -> TableError:
    """Return what msgspec refuses, and what there could have been, found by walking its types along the path."""
    from msgspec import inspect  # noqa: PLC0415 -- only for mistakes

    match = _MESSAGE.fullmatch(str(error))
    said, steps = (match[1], match[2] or "") if match else (str(error), "")
    path: list[Key] = [int(index) if index else key for key, index in _STEP.findall(steps)]
    info: Any = inspect.type_info(kind)
    for key in path:
        info = _narrowed(info, value)
        if isinstance(info, inspect.StructType) and key != info.tag_field:
            info = next((field.type for field in info.fields if field.encode_name == key), inspect.StrType())
        elif isinstance(key, int):
            info = getattr(info, "item_type", info)
        value = value[key] if _is_there(value, [key]) else None  # type: ignore[index]  # it is there
    info = _narrowed(info, value)
    if said.startswith("Object contains unknown field"):
        name = said.split("`")[1]
        return TableError((*path, name), unknown(name, _keys(info), what="key"))
    if said.startswith("Object missing required field"):
        name = said.split("`")[1]
        words = f"; choose from {', '.join(_words(info))}" if name not in _keys(info, tag=False) else ""
        return TableError(tuple(path), f"{name} is missing{words}")
    if said.startswith("Invalid"):
        return TableError(tuple(path), unknown(value, _words(info)))
    return TableError(tuple(path), _typed(said))


def _typed(said: str) -> str:
    """Return what msgspec says of a value of another type, or out of its range, in words of TOML."""
    match = _EXPECTED.fullmatch(said)
    if match is None:
        return said
    kinds = [_TYPES.get(one, one) for one in match[1].split(" | ") if one != "null"]
    return f"must be {' or '.join(kinds)}{match[2]}"


def _narrowed(info: Any, value: object) -> Any:  # noqa: ANN401 -- msgspec's types have no common base
    """Return which of several possible types a value was meant to be."""
    from msgspec import inspect  # noqa: PLC0415 -- only for mistakes

    if not isinstance(info, inspect.UnionType):
        return info
    types = info.types
    if isinstance(value, dict):
        structs = [one for one in types if isinstance(one, inspect.StructType)]
        tagged = [one for one in structs if one.tag_field and one.tag == value.get(one.tag_field)]
        return tagged[0] if tagged else structs[0] if len(structs) == 1 else info
    if isinstance(value, list):
        return next((one for one in types if hasattr(one, "item_type")), info)
    return info


def _keys(info: Any, *, tag: bool = True) -> Iterator[str]:  # noqa: ANN401 -- the same
    if tag and getattr(info, "tag_field", None):
        yield info.tag_field
    for field in getattr(info, "fields", ()):
        yield field.encode_name


def _words(info: Any) -> Iterator[str]:  # noqa: ANN401 -- the same
    """Yield the words that a value of some type may be."""
    from msgspec import inspect  # noqa: PLC0415 -- only for mistakes

    match info:
        case inspect.UnionType():
            for one in info.types:
                yield from _words(one)
        case inspect.StructType() if info.tag is not None:
            yield str(info.tag)
        case inspect.LiteralType():
            yield from map(str, info.values)
        case inspect.EnumType():
            yield from (str(member.value) for member in info.cls)
