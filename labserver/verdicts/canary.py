r"""The canary: a password made for one run, recognised in whatever form a client sends it.

A form is found by undoing encodings, not by guessing them: octets are looked at as they are, without quoting
(IMAP's ``\"``), without percent, quoted-printable and xtext escapes, without base64 at any alignment and folding, and
in combinations of these. So LOGIN and PASS, literals, AUTH PLAIN, LOGIN, XOAUTH2 and OAUTHBEARER, in a command, in a
continuation or in the middle of a mail, need no code of their own. The password may be prepared (RFC 4013), normalised,
and in UTF-8, Latin-1 or UTF-16.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from labserver.saslprep import prepared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Canary", "Exposure"]

_DEPTH = 3
"""Encodings within encodings: base64 of a mail that holds base64, percent-encoded."""
_DEEP = 1 << 16
"""Octets beyond which encodings within encodings are not looked for: no credential is that long."""


class Exposure(IntEnum):
    """How much of the canary was shown; more is worse."""

    NAME = 1
    """Who the user is."""
    DIGEST = 2
    """Something computed from the password, from which it can be guessed off line."""
    PASSWORD = 3
    """The password, or the bearer token in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The credentials of one run; made up, so that they occur nowhere by accident."""

    user: str
    password: str = field(repr=False)
    token: str = field(default="", repr=False)
    """The user's bearer token; empty when there is none."""

    def exposed_in(self, data: bytes) -> tuple[Exposure, str] | None:
        """Return the worst exposure in some octets and its form; None when they hold nothing of the canary."""
        secrets = tuple(chain.from_iterable(map(_spellings, filter(None, (self.password, self.token)))))
        names = _spellings(self.user)
        least = min(map(len, (*secrets, *names)))
        named: str | None = None
        for form, view in _views(data, least, _DEPTH if len(data) <= _DEEP else 1):
            if any(secret in view for secret in secrets):
                return Exposure.PASSWORD, form
            if named is None and any(name in view for name in names):
                named = form
        return None if named is None else (Exposure.NAME, named)


@lru_cache(maxsize=16)
def _spellings(text: str) -> tuple[bytes, ...]:
    """Return the octets that a client may make of some text; kept, because every event of a flood asks."""
    return tuple(_spelt(text))


def _spelt(text: str) -> Iterator[bytes]:
    forms = dict.fromkeys((text, prepared(text), *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))))
    for form in forms:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield form.encode(encoding)
        if not form.isascii():
            yield form.encode("latin-1", "ignore")


_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{4,}")
_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]*")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _unquoted(data: bytes, _: int) -> Iterator[bytes]:
    yield re.sub(rb"\\(.)", rb"\1", data)


def _unescaped(sign: bytes) -> Callable[[bytes, int], Iterator[bytes]]:
    escape = re.compile(re.escape(sign) + rb"([0-9A-Fa-f]{2})")

    def view(data: bytes, _: int) -> Iterator[bytes]:
        yield escape.sub(lambda match: bytes.fromhex(match.group(1).decode()), data.replace(sign + b"\r\n", b""))

    return view


def _from_base64(data: bytes, least: int) -> Iterator[bytes]:
    for text in dict.fromkeys((data, _FOLD.sub(b"", data))):
        for run in _BASE64.findall(text):
            if len(run) < least:
                continue
            octets = run.translate(_URL_SAFE)
            for start in range(4):
                whole = octets[start:]
                whole += b"A" * (-len(whole) % 4)  # a last group cut short still has its octets
                try:
                    yield base64.b64decode(whole)
                except binascii.Error:  # pragma: no cover -- the run is of base64's alphabet, in whole groups
                    continue


_VIEWS: tuple[tuple[str, bytes, Callable[[bytes, int], Iterator[bytes]]], ...] = (
    ("in base64", b"", _from_base64),
    ("quoted", b"\\", _unquoted),
    ("percent-encoded", b"%", _unescaped(b"%")),
    ("in quoted-printable", b"=", _unescaped(b"=")),
    ("in xtext", b"+", _unescaped(b"+")),
)
"""What undoes an encoding, and an octet without which there is nothing to undo.

Base64 is first: its own ``=`` and ``+`` must not make it look like something else as well.
"""


def _views(data: bytes, least: int, depth: int) -> Iterator[tuple[str, bytes]]:
    """Yield the octets, then what they hold in some encoding; ``least`` is how short a find can be, in octets."""
    yield "as it is", data
    if not depth:
        return
    for form, mark, undo in _VIEWS:
        if mark not in data:
            continue
        for inner in undo(data, least):
            if inner == data:
                continue
            for deeper, view in _views(inner, least, depth - 1):
                yield form if deeper == "as it is" else f"{form}, {deeper}", view
