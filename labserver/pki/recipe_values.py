"""What a recipe's values may be: each parser returns the value, or raises ValueError with what it must be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from labserver.pki.extensions import ATTRIBUTES, STRINGS
from labserver.pki.specification import PURPOSES, Extra
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
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
    "parse_table",
    "parse_text",
    "parse_texts",
]

Table = dict[str, Any]
"""A table of a recipe, as TOML gives it."""

_OID = re.compile(r"[0-2](\.\d+)+")
_ATTRIBUTE = re.compile(rf"\+?({'|'.join(ATTRIBUTES)}|{_OID.pattern})(:({'|'.join(STRINGS)}|der))?")
_HOST = re.compile(
    r"([a-z0-9_-]+\.)*\{id\}\.\{lab\}\.?"  # below the lab's domains
    r"|(\{id\}|[a-z0-9_-]+)(\.[a-z0-9_-]+)*"  # elsewhere, or an IPv4 address
    r"|[0-9a-f:]+"
)
_NAME = re.compile(r"(dns|ip|email|uri|srv|other|rid|directory):.*|\{(names|addresses|usual)\}", re.DOTALL)


def parse_text(value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("a text")
    return value


def parse_flag(value: object) -> bool:
    """Return a boolean."""
    if not isinstance(value, bool):
        raise ValueError("true or false")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


def parse_number(value: object) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError("a number")  # noqa: TRY004 -- a wrong value, as the loader understands it
    return value


def parse_count(value: object) -> int:
    """Return a number of things of which there is one at least."""
    number = parse_number(value)
    if number < 1:
        raise ValueError("a number of one or more")
    return number


def parse_octets(value: object) -> bytes:
    """Return octets, written in hexadecimal."""
    try:
        return bytes.fromhex(parse_text(value)) if value else b""
    except ValueError as error:
        raise ValueError("octets in hexadecimal") from error


def parse_texts(value: object) -> tuple[str, ...]:
    """Return a list's texts."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError("a list of texts")
    return tuple(value)


def parse_moment(value: object) -> Moment:
    """Return a moment."""
    return Moment.parse(parse_text(value))


def one_of(known: Iterable[str]) -> Callable[[object], str]:
    """Return a parser of these texts."""
    allowed = sorted(known)

    def parse(value: object) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return parse_text(value)

    return parse


def each(parse: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """Return a parser of lists whose texts are for ``parse``."""
    return lambda value: tuple(parse(one) for one in parse_texts(value))


def parse_purpose(value: object) -> str:
    """Return an extended key usage: its name or its OID."""
    text = parse_text(value)
    if text not in PURPOSES and not _OID.fullmatch(text):
        raise ValueError(f"one of {', '.join(PURPOSES)}, or an OID")
    return text


def parse_oid(value: object) -> str:
    """Return a dotted OID."""
    text = parse_text(value)
    if not _OID.fullmatch(text):
        raise ValueError("an OID")
    return text


def parse_host(value: object) -> str:
    """Return what a case is reached as."""
    text = parse_text(value)
    if not _HOST.fullmatch(text):
        raise ValueError("a name such as a.{id}.{lab}, {id}.test or localhost, or an address")
    return text


def parse_general_name(value: object) -> str:
    """Return a general name, or the name of a list of them."""
    text = parse_text(value)
    if not _NAME.fullmatch(text):
        raise ValueError(
            "names as dns:…, ip:…, email:…, uri:…, srv:…, rid:…, other:OID=hex, directory:…, {names} or the like"
        )
    return text


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


def _critical(value: object) -> bytes:
    """Return the content of the BOOLEAN, none where it is left out as DER leaves out its default."""
    if isinstance(value, bool):
        return b"\xff" if value else b""
    try:
        return parse_octets(value)
    except ValueError as error:
        raise ValueError("true, false or octets") from error


def parse_extras(value: object) -> tuple[Extra, ...]:
    """Return extensions that are written out."""
    if not isinstance(value, list):
        raise ValueError("a list of tables")  # noqa: TRY004 -- a wrong value, as the loader understands it
    keys = {"oid": parse_oid, "value": parse_octets, "critical": _critical, "zeros": parse_number}
    extras = []
    for one in value:
        if not isinstance(one, dict) or not {"oid", "value"} <= one.keys() <= keys.keys():
            raise ValueError('tables such as { oid = "1.2.3", value = "0500", critical = true }')
        given: Table = {"critical": b"", "zeros": 0} | {key: keys[key](value) for key, value in one.items()}
        content = given["value"] + bytes(given["zeros"])
        extras.append(Extra(oid=given["oid"], value=content, critical=given["critical"]))
    return tuple(extras)


def parse_table(place: str, table: Table, parsers: Mapping[str, Callable[[object], Any]]) -> dict[str, Any]:
    """Return a table's values; a mistake is reported with ``place`` and its key."""
    values = {}
    for key, value in table.items():
        if key not in parsers:
            raise ValueError(f"{place}{key} is no key of a recipe; there are {', '.join(sorted(parsers))}")
        try:
            values[key] = parsers[key](value)
        except ValueError as error:
            raise ValueError(f"{place}{key} must be {error}, not {value!r}") from error
    return values
