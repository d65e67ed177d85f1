"""OCSP responses as DER (RFC 6960 4.2), written from what a recipe says; good and bad ones by one path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from labserver.pki import der
from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.public_keys import key_identifier, public_key_info
from labserver.pki.revocation import DIGESTS, STATUSES, UNSUCCESSFUL
from labserver.pki.signatures import SIGNATURES, usual
from labserver.pki.validity import Moment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from labserver.pki.made import Made
    from labserver.pki.revocation import ResponseSpec

__all__ = ["CertificateId", "encode_response", "encode_unsuccessful"]

_BASIC = "1.3.6.1.5.5.7.48.1.1"
"""id-pkix-ocsp-basic."""
_REVOKED_AT = Moment.parse("generalized:-2d")
_KEY_COMPROMISE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateId:
    """Which certificate a response is about (RFC 6960 4.1.1, CertID)."""

    digest: str
    """One of :data:`labserver.pki.revocation.DIGESTS`."""
    name_hash: bytes
    """Of the issuer's Name."""
    key_hash: bytes
    """Of the issuer's key, without the BIT STRING's head."""
    serial: bytes

    @classmethod
    def of(cls, serial: bytes, issuer: Made, digest: str) -> CertificateId:
        """Return the identifier of a certificate by its number and its issuer."""
        _, key = der.elements(public_key_info(issuer.key))
        return cls(
            digest=digest,
            name_hash=hashlib.new(digest, issuer.subject).digest(),
            key_hash=hashlib.new(digest, der.contents(key)[1:]).digest(),
            serial=serial,
        )

    def encoded(self) -> bytes:
        """Return the CertID."""
        return der.sequence(
            der.sequence(der.object_identifier(DIGESTS[self.digest]), der.NULL),
            der.octet_string(self.name_hash),
            der.octet_string(self.key_hash),
            der.tlv(0x02, self.serial),
        )


def encode_response(
    spec: ResponseSpec, *, serial: bytes, issuer: str, made: Mapping[str, Made], now: datetime
) -> bytes:
    """Return the OCSPResponse about the certificate with that number, or what the recipe says instead.

    ``issuer`` is the label of the certificate's issuer in ``made``.
    """
    if spec.octets is not None:
        return spec.octets
    if spec.unsuccessful:
        return encode_unsuccessful(spec.unsuccessful)
    identifier = CertificateId.of(serial if spec.serial is None else spec.serial, made[issuer], spec.digest)
    signer = made[spec.signer or issuer]
    signature = SIGNATURES[usual(signer.key)]
    signed = der.sequence(
        _responder(signer, by_name=spec.by_name),
        _time(spec.produced or spec.this_update, now),
        der.sequence(_single(spec, identifier, now)),
    )
    value = der.bit_string(signature.sign(signer.key, signed))
    response = der.sequence(signed, signature.identifier, value, *_inside(spec, made))
    for corruption in spec.corrupt:
        response = AFTER_SIGNING[corruption](response)
    return der.sequence(
        der.enumerated(0),
        der.explicit(0, der.sequence(der.object_identifier(_BASIC), der.octet_string(response))),
    )


def encode_unsuccessful(why: str) -> bytes:
    """Return an OCSPResponse without a response (RFC 6960 4.2.1)."""
    return der.sequence(der.enumerated(UNSUCCESSFUL[why]))


def _responder(signer: Made, *, by_name: bool) -> bytes:
    return der.explicit(1, signer.subject) if by_name else der.explicit(2, der.octet_string(key_identifier(signer.key)))


def _single(spec: ResponseSpec, identifier: CertificateId, now: datetime) -> bytes:
    """Return the SingleResponse."""
    tag = STATUSES.index(spec.status)
    status = der.implicit(tag, b"")
    if spec.status == "revoked":
        reason = der.explicit(0, der.enumerated(_KEY_COMPROMISE))
        status = der.explicit(tag, _REVOKED_AT.encoded(now), reason)
    end = () if spec.next_update is None else (der.explicit(0, _time(spec.next_update, now)),)
    return der.sequence(identifier.encoded(), status, _time(spec.this_update, now), *end)


def _inside(spec: ResponseSpec, made: Mapping[str, Made]) -> tuple[bytes, ...]:
    certificates = [made[label].certificate for label in spec.certificates]
    return (der.explicit(0, der.sequence(*certificates)),) if certificates else ()


def _time(moment: Moment, now: datetime) -> bytes:
    """Return a GeneralizedTime, which is what OCSP has in any year."""
    return replace(moment, generalized=True).encoded(now)
