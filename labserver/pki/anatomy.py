"""A certificate taken apart, not judged: each field as the octets that stand there, be they right or wrong.

Nothing here asks a library, because those refuse what this lab exists to serve. What cannot be told apart is a
ValueError that says why.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "BASIC_CONSTRAINTS",
    "Anatomy",
    "Element",
    "Extension",
    "at_least",
    "authority_keys",
    "dissect",
    "dotted",
    "one",
    "several",
]

BASIC_CONSTRAINTS = "2.5.29.19"
"""The OID of the extension (RFC 5280 4.2.1.9)."""
_LONG, _CONSTRUCTED, _MANY_OCTETS = 0x80, 0x20, 0x1F
_BOOLEAN, _OCTET_STRING = 0x01, 0x04
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_ARC = 40
"""What the first octets of an OBJECT IDENTIFIER multiply its first number by (X.690 8.19.4)."""
_FIELDS = 6
"""Serial number, signature, issuer, validity, subject and key are always there (RFC 5280 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of DER, or of BER that is none."""

    tag: int
    """Its identifier octet."""
    content: bytes
    octets: bytes
    """All of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension's parts."""

    oid: str
    critical: bool
    value: bytes
    """What its OCTET STRING holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A certificate's fields (RFC 5280 4.1)."""

    version: int
    """As it is counted: 1, 2, 3 …"""
    serial: bytes
    inner_signature: Element
    """The algorithm that the signed part names."""
    issuer: Element
    validity: Element
    subject: Element
    key: Element
    extensions: tuple[Extension, ...]
    signature: Element
    """The algorithm beside the signature."""


def dissect(certificate: bytes) -> Anatomy:
    """Return a certificate's fields; raises ValueError for what has none."""
    signed, signature, *_ = at_least(3, one(certificate), "a certificate")
    fields = list(several(signed.content))
    version = fields.pop(0) if fields and fields[0].tag == _VERSION else None
    if len(fields) < _FIELDS:
        raise ValueError(f"its signed part has {len(fields)} fields, not {_FIELDS}")
    serial, inner_signature, issuer, validity, subject, key, *others = fields
    lists = [one(other.content) for other in others if other.tag == _EXTENSIONS]
    return Anatomy(
        version=1 if version is None else int.from_bytes(one(version.content).content, signed=True) + 1,
        serial=serial.content,
        inner_signature=inner_signature,
        issuer=issuer,
        validity=validity,
        subject=subject,
        key=key,
        extensions=tuple(_extension(element) for found in lists for element in several(found.content)),
        signature=signature,
    )


def authority_keys(certificates: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the SubjectPublicKeyInfo of those certificates that say they are a CA's."""
    for certificate in certificates:
        with suppress(ValueError, RecursionError):
            fields = dissect(certificate)
            constraints = [found.value for found in fields.extensions if found.oid == BASIC_CONSTRAINTS]
            parts = [part for value in constraints for part in several(one(value).content)]
            if any(part.tag == _BOOLEAN and part.content != b"\0" for part in parts):
                yield fields.key.octets


def one(octets: bytes) -> Element:
    """Return the first element; raises ValueError if there is none."""
    element, _ = _first(octets)
    return element


def several(octets: bytes) -> Iterator[Element]:
    """Yield the elements that stand one after the other; raises ValueError at what is none."""
    while octets:
        element, octets = _first(octets)
        yield element


def at_least(size: int, element: Element, what: str) -> tuple[Element, ...]:
    """Return an element's parts; raises ValueError if they are fewer, in words about ``what`` it is."""
    found = tuple(several(element.content)) if element.tag & _CONSTRUCTED else ()
    if len(found) < size:
        raise ValueError(f"{what} has {len(found)} parts, not {size}")
    return found


def dotted(content: bytes) -> str:
    """Return what an OBJECT IDENTIFIER's content says; raises ValueError if it ends early."""
    numbers, value = [], 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if octet < _LONG:
            numbers.append(value)
            value = 0
    if not content or content[-1] >= _LONG:
        raise ValueError("an object identifier ends early")
    arc = min(numbers[0] // _ARC, 2)
    return ".".join(map(str, (arc, numbers[0] - _ARC * arc, *numbers[1:])))


def _extension(element: Element) -> Extension:
    oid, *others = at_least(2, element, "an extension")
    critical = any(other.tag == _BOOLEAN and other.content != b"\0" for other in others)
    values = [other.content for other in others if other.tag == _OCTET_STRING]
    if not values:
        raise ValueError("an extension has no value")
    return Extension(oid=dotted(oid.content), critical=critical, value=values[0])


def _first(octets: bytes) -> tuple[Element, bytes]:
    """Return the first element, its length in whatever form, and what follows it."""
    if len(octets) < 2:  # noqa: PLR2004 -- an identifier and a length
        raise ValueError("it ends early")
    tag, size, start = octets[0], octets[1], 2
    if tag & _MANY_OCTETS == _MANY_OCTETS:
        raise ValueError(f"a tag of several octets, {octets[:4].hex()}, which no certificate has")
    if size == _LONG:
        return _indefinite(octets)
    if size > _LONG:
        start += size & 0x7F
        size = int.from_bytes(octets[2:start])
    end = start + size
    if end > len(octets):
        raise ValueError(f"it ends early: {size} octets are announced, {max(len(octets) - start, 0)} are there")
    return Element(tag=tag, content=octets[start:end], octets=octets[:end]), octets[end:]


def _indefinite(octets: bytes) -> tuple[Element, bytes]:
    """Return an element that ends where two zero octets stand for one (X.690 8.1.3.6)."""
    rest = octets[2:]
    while not rest.startswith(b"\0\0"):
        _, rest = _first(rest)
    content = octets[2 : len(octets) - len(rest)]
    return Element(tag=octets[0], content=content, octets=octets[: len(octets) - len(rest) + 2]), rest[2:]
