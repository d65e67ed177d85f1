"""Corruptions of the part that is signed (TBSCertificate), made before that: the signature over it is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki import der

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BEFORE_SIGNING"]


def _version_1_written_out(signed: bytes) -> bytes:
    """Write out version 1, which DER leaves out as the default; for a certificate of that version."""
    return der.sequence(der.explicit(0, der.integer(0)), *der.elements(signed))


def _extensions_empty(signed: bytes) -> bytes:
    """Add a list of extensions in which there is none; for a certificate without extensions."""
    return der.sequence(*der.elements(signed), der.explicit(3, der.sequence()))


def _unique_identifiers(signed: bytes) -> bytes:
    """Add unique identifiers of the issuer and the subject (RFC 5280 4.1.2.8) before the extensions."""
    *elements, extensions = der.elements(signed)
    identifiers = (der.implicit(number, b"\0" + bytes((number,))) for number in (1, 2))
    return der.sequence(*elements, *identifiers, extensions)


BEFORE_SIGNING: dict[str, Callable[[bytes], bytes]] = {
    "version-1-written-out": _version_1_written_out,
    "extensions-empty": _extensions_empty,
    "unique-identifiers": _unique_identifiers,
}
"""The corruptions of the signed part by the names by which recipes ask for them."""
