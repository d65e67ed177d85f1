"""Certificate revocation lists as DER (RFC 5280 5), written from what a recipe says; good and bad ones by one path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.pki import der
from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.public_keys import key_identifier
from labserver.pki.signatures import SIGNATURES, usual
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from labserver.pki.made import Made
    from labserver.pki.revocation import ListSpec

__all__ = ["encode_list"]

_NUMBER, _REASON, _AUTHORITY_KEY = "2.5.29.20", "2.5.29.21", "2.5.29.35"
_KEY_COMPROMISE = 1
_REVOKED_AT = Moment.parse("-2d")
_VERSION_2 = der.integer(1)


def encode_list(spec: ListSpec, *, authority: Made, signer: Made, revoked: Iterable[bytes], now: datetime) -> bytes:
    """Return the list of ``authority``, signed by ``signer``; ``revoked`` are the serial numbers on it."""
    signature = SIGNATURES[usual(signer.key)]
    entries = [_entry(serial, now) for serial in revoked]
    signed = der.sequence(
        _VERSION_2,
        signature.identifier,
        authority.subject,
        spec.this_update.encoded(now),
        *(() if spec.next_update is None else (spec.next_update.encoded(now),)),
        *((der.sequence(*entries),) if entries else ()),  # absent rather than empty (RFC 5280 5.1.2.6)
        der.explicit(0, der.sequence(*_extensions(authority, now))),
    )
    octets = der.sequence(signed, signature.identifier, der.bit_string(signature.sign(signer.key, signed)))
    for corruption in spec.corrupt:
        octets = AFTER_SIGNING[corruption](octets)
    return octets


def _entry(serial: bytes, now: datetime) -> bytes:
    reason = _extension(_REASON, der.enumerated(_KEY_COMPROMISE))
    return der.sequence(der.tlv(0x02, serial), _REVOKED_AT.encoded(now), der.sequence(reason))


def _extensions(authority: Made, now: datetime) -> tuple[bytes, ...]:
    """Return the two that every list has (RFC 5280 5.2); the number grows with time."""
    identifier = der.sequence(der.implicit(0, key_identifier(authority.key)))
    hours = int(now.timestamp()) // 3600
    return (_extension(_AUTHORITY_KEY, identifier), _extension(_NUMBER, der.integer(hours)))


def _extension(oid: str, value: bytes) -> bytes:
    return der.sequence(der.object_identifier(oid), der.octet_string(value))
