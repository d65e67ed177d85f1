"""What a recipe's values may be.

A parser returns the value. It raises ValueError with what the value must be, or TableError with all there is to say and
the way to the mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from labserver.pki.extensions import ATTRIBUTES, RANGE, STRINGS
from labserver.pki.specification import PURPOSES, Extra
from labserver.pki.validity import Moment
from labserver.tables import TableError, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from labserver.tables import Key

__all__ = [
    "Parser",
    "Table",
    "each",
    "one_of",
    "parse_attributes",
    "parse_count",
    "parse_extras",
    "parse_flag",
    "parse_general_name",
    "parse_host",
    "parse_moment",
    "parse_number",
    "parse_octets",
    "parse_oid",
    "parse_purpose",
    "parse_size",
    "parse_table",
    "parse_text",
    "parse_texts",
    "parsed",
    "parser",
    "table_schema",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parser(Generic[T]):
    """Reads a value: returns what it means, or raises as the module says."""

    parse: Callable[[object], T]
    schema: Mapping[str, Any]
    """What the value may be, as a JSON Schema for editors; the parser decides."""

    def __call__(self, value: object) -> T:
        """Return what the value means."""
        return self.parse(value)


def parser(**schema: object) -> Callable[[Callable[[object], T]], Parser[T]]:
    """Return what makes a function a parser, whose values a JSON Schema describes."""
    return lambda parse: Parser(parse, schema)


Table = dict[str, Any]
"""A table of a recipe, as TOML gives it."""

_SHOWN = 60
"""Characters of a wrong value that a message repeats."""
_MOST = 1_000
"""Certificates for which one label may stand."""
_LARGEST = 1 << 20
"""Octets of zeros behind an extension's value; a handshake has 16 MiB at most (RFC 8446 4)."""
_MOST_NAMES = 100_000
"""Names for which one with a range may stand."""
_OID = re.compile(r"[0-2](\.\d+)+")
_ATTRIBUTE = re.compile(rf"\+?({'|'.join(ATTRIBUTES)}|{_OID.pattern})(:({'|'.join(STRINGS)}|der))?")
_HOST = re.compile(
    r"([a-z0-9_-]+\.)*\{id\}\.\{lab\}\.?"  # below the lab's domains
    r"|(\{id\}|[a-z0-9_-]+)(\.[a-z0-9_-]+)*"  # elsewhere, or an IPv4 address
    r"|[0-9a-f:]+"
)
_NAME = re.compile(
    r"((dns|ip|email|uri|srv):.*"
    rf"|rid:{_OID.pattern}"
    rf"|other:{_OID.pattern}=(utf8:.*|([0-9A-Fa-f][0-9A-Fa-f])*)"
    rf"|directory:{_ATTRIBUTE.pattern}=[^,]*(,{_ATTRIBUTE.pattern}=[^,]*)*"
    r"|\{(names|addresses|usual)\})",
    re.DOTALL,
)


def parsed(parse: Callable[[object], T], value: object, *path: Key) -> T:
    """Return what ``parse`` makes of the value at a path; raises TableError for a mistake in it."""
    try:
        return parse(value)
    except TableError as error:
        raise error.below(*path) from error
    except ValueError as error:
        shown = repr(value)
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
        raise TableError(path, f"must be {error}, not {shown}") from error


@parser(type="string", minLength=1)
def parse_text(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


@parser(type="boolean")
def parse_flag(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


@parser(type="integer")
def parse_number(value: object) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


@parser(type="integer", minimum=1, maximum=_MOST)
def parse_count(value: object) -> int:
    """Return a number of things of which there is one at least."""
    number = parse_number(value)
    if not 1 <= number <= _MOST:
        raise ValueError(f"a number from 1 to {_MOST}")
    return number


@parser(type="integer", minimum=0, maximum=_LARGEST)
def parse_size(value: object) -> int:
    """Return a number of octets, of which there may be none."""
    number = parse_number(value)
    if not 0 <= number <= _LARGEST:
        raise ValueError(f"a number from 0 to {_LARGEST}")
    return number


@parser(type="string", pattern="^([0-9A-Fa-f]{2} *)*$")
def parse_octets(value: object) -> bytes:
    """Return octets, written in hexadecimal."""
    try:
        return bytes.fromhex(parse_text(value)) if value else b""
    except ValueError as error:
        raise ValueError("octets in hexadecimal") from error


@parser(type="array", items={"type": "string"})
def parse_texts(value: object) -> tuple[str, ...]:
    """Return a list's texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of texts")
    return tuple(value)


@parser(type="string", minLength=1)
def parse_moment(value: object) -> Moment:
    """Return a moment."""
    return Moment.parse(parse_text(value))


def one_of(known: Iterable[str]) -> Parser[str]:
    """Return a parser of these texts."""
    allowed = sorted(known)

    @parser(enum=allowed)
    def parse(value: object) -> str:
        if value in allowed:
            return str(value)
        if isinstance(value, str):
            raise TableError((), unknown(value, allowed))
        raise ValueError(f"one of {', '.join(allowed)}")

    return parse


def each(parse: Parser[str]) -> Parser[tuple[str, ...]]:
    """Return a parser of lists whose texts are for ``parse``."""

    @parser(type="array", items=parse.schema)
    def parse_each(value: object) -> tuple[str, ...]:
        return tuple(parsed(parse, one, place) for place, one in enumerate(parse_texts(value)))

    return parse_each


@parser(type="string", anyOf=[{"enum": list(PURPOSES)}, {"pattern": f"^{_OID.pattern}$"}])
def parse_purpose(value: object) -> str:
    """Return an extended key usage: its name or its OID."""
    text = parse_text(value)
    if text not in PURPOSES and not _OID.fullmatch(text):
        raise TableError((), f"{unknown(text, PURPOSES)}, or write an OID")
    return text


@parser(type="string", pattern=f"^{_OID.pattern}$")
def parse_oid(value: object) -> str:
    """Return a dotted OID."""
    text = parse_text(value)
    if not _OID.fullmatch(text):
        raise ValueError("an OID")
    return text


@parser(type="string", pattern=f"^({_HOST.pattern})$")
def parse_host(value: object) -> str:
    """Return what a case is reached as."""
    text = parse_text(value)
    if not _HOST.fullmatch(text):
        raise ValueError("a name such as a.{id}.{lab}, {id}.test or localhost, or an address")
    return text


@parser(type="string", pattern=f"^({_NAME.pattern})$")
def parse_general_name(value: object) -> str:
    """Return a general name, or the name of a list of them."""
    text = parse_text(value)
    if not _NAME.fullmatch(text):
        raise ValueError(
            "names as dns:…, ip:…, email:…, uri:…, srv:…, rid:…, other:OID=hex, directory:…, {names} or the like"
        )
    if (found := RANGE.search(text)) and int(found[2]) - int(found[1]) >= _MOST_NAMES:
        raise ValueError(f"{_MOST_NAMES} names at most")
    return text


@parser(type="array", items={"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 2})
def parse_attributes(value: object) -> tuple[tuple[str, str], ...]:
    """Return the attributes of a Name."""
    pairs = tuple(parse_texts(one) for one in value) if isinstance(value, list) else None
    if pairs is None or not all(len(pair) == 2 for pair in pairs):  # noqa: PLR2004 -- a pair
        raise ValueError('pairs such as ["CN", "{host}"]')
    for attribute, text in pairs:
        if not _ATTRIBUTE.fullmatch(attribute):
            kinds = ", ".join((*STRINGS, "der"))
            raise ValueError(f"attributes among {', '.join(ATTRIBUTES)} or OIDs, each of {kinds} behind a colon")
        if attribute.endswith(":der"):
            parse_octets(text)
    return tuple((pair[0], pair[1]) for pair in pairs)


@parser(anyOf=[{"type": "boolean"}, parse_octets.schema])
def _critical(value: object) -> bytes:
    """Return the content of the BOOLEAN, none where it is left out as DER leaves out its default."""
    if isinstance(value, bool):
        return b"\xff" if value else b""
    try:
        return parse_octets(value)
    except ValueError as error:
        raise ValueError("true, false or octets") from error


_EXTRA: dict[str, Parser[Any]] = {"oid": parse_oid, "value": parse_octets, "critical": _critical, "zeros": parse_size}


def table_schema(parsers: Mapping[str, Parser[Any]], *required: str) -> dict[str, Any]:
    """Return the JSON Schema of a table with such values."""
    properties = {key: dict(parse.schema) for key, parse in parsers.items()}
    needed: dict[str, Any] = {"required": list(required)} if required else {}
    return {"type": "object", "properties": properties, "additionalProperties": False} | needed


@parser(type="array", items=table_schema(_EXTRA, "oid", "value"))
def parse_extras(value: object) -> tuple[Extra, ...]:
    """Return extensions that are written out."""
    if not isinstance(value, list):
        raise ValueError("a list of tables")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return tuple(parsed(_extra, one, place) for place, one in enumerate(value))


def _extra(value: object) -> Extra:
    if not isinstance(value, dict) or not {"oid", "value"} <= value.keys():
        raise ValueError('a table such as { oid = "1.2.3", value = "0500", critical = true }')
    given: Table = {"critical": b"", "zeros": 0} | parse_table((), value, _EXTRA)
    return Extra(oid=given["oid"], value=given["value"] + bytes(given["zeros"]), critical=given["critical"])


def parse_table(path: tuple[Key, ...], table: Table, parsers: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    """Return a table's values; a mistake is told with ``path`` and its key."""
    for key in table:
        if key not in parsers:
            raise TableError((*path, key), unknown(key, sorted(parsers), what="key"))
    return {key: parsed(parsers[key], value, *path, key) for key, value in table.items()}
