"""Structured MIME fields: ``value; attribute=value``, as in Content-Type and Content-Disposition (RFC 2045 5.1).

Comments are removed, quoted strings unquoted, an unquoted value may contain what it should not; what cannot be a
parameter is passed over. Parameter value continuations are joined (RFC 2231 3, and 6 for IMAP), but percent-encoding
and the charset in front of it are left for the client.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ContentType", "Parameterized", "content_type", "one_token", "parameterized", "tokens", "without_comments"]

Parameters = tuple[tuple[bytes, bytes], ...]

_TOKEN = rb"[^\x00-\x20()<>@,;:\\\"/\[\]?=\x7f]"
_HEAD = re.compile(rb"[ \t\r\n]*+(%b*+)[ \t\r\n]*+(?:/[ \t\r\n]*+(%b*+))?" % (_TOKEN, _TOKEN))
_PARAMETER = re.compile(
    rb""";[ \t\r\n]*+(%b++)[ \t\r\n]*+=[ \t\r\n]*+(?:"((?:[^"\\]++|\\.)*+)"?|([^;\s"]*+))""" % _TOKEN, re.DOTALL
)
_ONE_TOKEN = re.compile(rb"[ \t\r\n]*+(%b++)[ \t\r\n]*+" % _TOKEN)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT_PIECE = re.compile(rb"[^()\\\"]++|\"(?:[^\"\\]++|\\.)*+\"?|\\.|[()\\]", re.DOTALL)
_CONTINUATION = re.compile(rb"([^*]+)\*(\d{1,4})?(\*)?\Z")
_LANGUAGE = re.compile(rb"[^\x00-\x20()<>@,;:\\\".\[\]\x7f]++")
_MOST_PARAMETERS = 1_000


class Parameterized(NamedTuple):
    """A field's value and its parameters, in the sender's spelling and order."""

    value: bytes
    parameters: Parameters

    def parameter(self, name: bytes) -> bytes | None:
        """Return the value of the first parameter called ``name`` (lower-case), None without one."""
        return next((value for attribute, value in self.parameters if attribute.lower() == name), None)


class ContentType(NamedTuple):
    """A media type with its parameters, in the sender's spelling."""

    type: bytes
    subtype: bytes
    parameters: Parameters

    @property
    def essence(self) -> bytes:
        """``type/subtype`` in lower case."""
        return self.type.lower() + b"/" + self.subtype.lower()

    def parameter(self, name: bytes) -> bytes | None:
        """Return the value of the first parameter called ``name`` (lower-case), None without one."""
        return next((value for attribute, value in self.parameters if attribute.lower() == name), None)


def content_type(value: bytes) -> ContentType | None:
    """Read a Content-Type; None when there is no type in it."""
    value = without_comments(value)
    head = _HEAD.match(value)
    if head is None or not head[1]:
        return None
    return ContentType(head[1], head[2] or b"", _parameters(value, head.end()))


def parameterized(value: bytes) -> Parameterized | None:
    """Read a field like Content-Disposition; None when it begins with no token."""
    value = without_comments(value)
    head = _HEAD.match(value)
    if head is None or not head[1]:
        return None
    return Parameterized(head[1], _parameters(value, head.end(1)))


def one_token(value: bytes) -> bytes | None:
    """Read a field like Content-Transfer-Encoding; None when it is anything but one token (RFC 2045 6.1)."""
    found = _ONE_TOKEN.fullmatch(without_comments(value))
    return found[1] if found is not None else None


def tokens(value: bytes) -> list[bytes]:
    """Read a comma-separated list of tokens, such as Content-Language (RFC 3282)."""
    found = []
    for element in without_comments(value).split(b","):
        match = _LANGUAGE.match(element.strip())
        if match is None:
            break
        found.append(match[0])
    return found


def without_comments(value: bytes) -> bytes:
    """Return ``value`` without its comments; parentheses in quoted strings are none (RFC 822 3.4.3)."""
    if b"(" not in value:
        return value
    kept, depth, position = [], 0, 0
    while (match := _COMMENT_PIECE.match(value, position)) is not None:
        piece, position = match[0], match.end()
        if depth and piece[:1] == b'"':
            piece, position = b'"', match.start() + 1
        if piece == b"(":
            depth += 1
        elif piece == b")" and depth:
            depth -= 1
        elif not depth:
            kept.append(piece)
    return b"".join(kept)


def _parameters(value: bytes, start: int) -> Parameters:
    found: list[tuple[bytes, bytes]] = []
    continued = False
    for match in _PARAMETER.finditer(value, start):
        attribute, quoted, plain = match.groups()
        found.append((attribute, plain if quoted is None else _QUOTED_PAIR.sub(rb"\1", quoted)))
        continued = continued or b"*" in attribute
        if len(found) == _MOST_PARAMETERS:
            break
    return tuple(_joined(found) if continued else found)


def _joined(found: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Join ``name*0=…; name*1*=…`` to one parameter, ``name*`` if a piece is encoded; with a gap they stay apart."""
    plain: list[tuple[bytes, bytes]] = []
    series: dict[bytes, list[tuple[int, bool, bytes, bytes]]] = {}
    for attribute, value in found:
        match = _CONTINUATION.match(attribute)
        if match is None:
            plain.append((attribute, value))
        else:
            piece = (int(match[2] or b"0"), bool(match[3]) or match[2] is None, attribute, value)
            series.setdefault(match[1], []).append(piece)
    for name, pieces in series.items():
        pieces.sort(key=lambda piece: piece[0])
        if [piece[0] for piece in pieces] != list(range(len(pieces))):
            plain += [(attribute, value) for _, _, attribute, value in pieces]
            continue
        encoded = any(piece[1] for piece in pieces)
        values = [
            value if is_encoded or not encoded else value.replace(b"%", b"%25") for _, is_encoded, _, value in pieces
        ]
        start = b"''" if encoded and not pieces[0][1] else b""
        plain.append((name + b"*" if encoded else name, start + b"".join(values)))
    return plain
