"""The forge: a pure function of a recipe, entropy, time and names that makes its chain, good or bad, by one path.

Everything is written by :mod:`labserver.pki.der` and signed with keys of ``cryptography``, so that nothing decides for
a recipe what a certificate may say. The keys of a recipe's own CAs are forgotten when it is done.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from labserver.pki import der
from labserver.pki.chain import Chain
from labserver.pki.corruptions.after_signing import AFTER_SIGNING
from labserver.pki.corruptions.before_signing import BEFORE_SIGNING
from labserver.pki.delegation import delegated_credential
from labserver.pki.extensions import encode_extensions, encode_name
from labserver.pki.keys import make_key
from labserver.pki.made import Made
from labserver.pki.profile import ORGANIZATION
from labserver.pki.public_keys import key_identifier, pkcs8, public_key_info
from labserver.pki.publications import published, stapled
from labserver.pki.signatures import SIGNATURES, usual
from labserver.pki.specification import LAB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from pathlib import Path

    from labserver.clock import Entropy
    from labserver.pki.authority import Authority
    from labserver.pki.specification import CertificateSpec, ChainSpec

__all__ = ["Surroundings", "forge_chain"]

_SERIAL_OCTETS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a recipe's chain is made for."""

    entropy: Entropy
    now: datetime
    host: str
    """The first name by which the case is reached."""
    names: tuple[str, ...]
    """All DNS names by which it is reached."""
    addresses: tuple[str, ...]
    usual: tuple[str, ...]
    """Those of the names that are not the case's own."""
    pool: Path
    """The folder with the RSA and DSA keys."""
    id: str
    """The recipe's."""
    http: str = ""
    """The beginning of the lab's own URLs, without a slash at its end; empty if it has none."""


def forge_chain(
    spec: ChainSpec, around: Surroundings, authority: Authority | None, *, anchors: tuple[bytes, ...]
) -> Chain:
    """Return the chain; ``authority`` is the lab's, for recipes that need it; ``anchors`` vouch for the lab."""
    made: dict[str, Made] = {}
    if authority is not None:
        made[LAB] = _lab(authority)
    for label, certificate in (*spec.authorities.items(), ("leaf", spec.leaf)):
        issuer = certificate.issuer
        for one in reversed(spec.line(label)):
            made[one] = _certify(one, replace(certificate, issuer=issuer), spec, around, made)
            issuer = one
    trusted = tuple(one for label in spec.anchors for one in (anchors if label == LAB else (made[label].certificate,)))
    first, *others = (made[one].certificate for label in spec.wire for one in spec.line(label))
    clients = spec.client_anchors if spec.client_certificate else ()
    delegated, delegated_key = _delegated(spec, around, made["leaf"]) if spec.delegation else (b"", b"")
    return Chain(
        leaf=first,
        intermediates=tuple(others),
        key=pkcs8(made[spec.proof].key, spec.leaf.public_key),
        anchors=trusted,
        delegated=delegated,
        delegated_key=delegated_key,
        # one who presents a certificate without its issuers is to be verified, too
        client_anchors=tuple(
            one for label in clients for one in (made[label].certificate, *(anchors if label == LAB else ()))
        ),
        staple=stapled(spec, made, around.now),
        publications=published(spec, made, around.now),
    )


def _delegated(spec: ChainSpec, around: Surroundings, leaf: Made) -> tuple[bytes, bytes]:
    """Return a credential that the leaf's key delegates, and the key to which it does."""
    key = make_key("p256", entropy=around.entropy, role="delegated", pool=around.pool)
    ends = spec.delegation or spec.leaf.not_after
    seconds = int((ends.at(around.now) - spec.leaf.not_before.at(around.now)).total_seconds())
    credential = delegated_credential(leaf.certificate, leaf.key, key, seconds=seconds)
    return credential, pkcs8(key)


def _lab(authority: Authority) -> Made:
    key = serialization.load_der_private_key(authority.key, None)
    certificate = x509.load_der_x509_certificate(authority.intermediate)
    return Made(
        certificate=authority.intermediate,
        subject=certificate.subject.public_bytes(),
        serial=der.contents(der.integer(certificate.serial_number)),
        key=key,  # type: ignore[arg-type]  # it made it itself
        identifier=key_identifier(key),  # type: ignore[arg-type]  # the same
    )


def _certify(label: str, spec: CertificateSpec, chain: ChainSpec, around: Surroundings, made: dict[str, Made]) -> Made:
    """Return one certificate, signed by itself or by one that is already made."""
    key = (
        made[spec.key_of].key
        if spec.key_of
        else make_key(spec.key, entropy=around.entropy, role=label, pool=around.pool)
    )
    subject = encode_name(spec.subject if spec.subject is not None else _usual_subject(label, chain, around), around)
    identifier = key_identifier(key) if spec.key_identifier is None else spec.key_identifier
    itself = Made(certificate=b"", subject=subject, serial=b"", key=key, identifier=identifier)
    issuer = itself if spec.issuer == label else made[spec.issuer]
    name = issuer.subject if spec.issuer_name is None else encode_name(spec.issuer_name, around)
    signature = SIGNATURES[spec.signature or usual(issuer.key)]
    inner = SIGNATURES[spec.inner_signature].identifier if spec.inner_signature else signature.identifier
    after_serial = (
        inner,
        name,
        der.sequence(spec.not_before.encoded(around.now), spec.not_after.encoded(around.now)),
        subject,
        public_key_info(key, spec.public_key),
        *encode_extensions(spec, identifier, issuer.identifier, around),
    )
    version = () if spec.version == 1 else (der.explicit(0, der.integer(spec.version - 1)),)
    serial = spec.serial if spec.serial is not None else _serial(label, after_serial, around.entropy)
    signed = _corrupted(der.sequence(*version, der.tlv(0x02, serial), *after_serial), spec, BEFORE_SIGNING)
    value = der.bit_string(signature.sign(issuer.key, signed))
    certificate = _corrupted(der.sequence(signed, signature.identifier, value), spec, AFTER_SIGNING)
    return replace(itself, certificate=certificate, serial=serial)


def _corrupted(octets: bytes, spec: CertificateSpec, corruptions: Mapping[str, Callable[[bytes], bytes]]) -> bytes:
    """Return what those of the recipe's corruptions that are among ``corruptions`` make of it."""
    for name in spec.corrupt:
        if name in corruptions:
            try:
                octets = corruptions[name](octets)
            except (LookupError, ValueError) as error:
                raise ValueError(f"there is nothing for the corruption {name} to change") from error
    return octets


def _usual_subject(label: str, chain: ChainSpec, around: Surroundings) -> tuple[tuple[str, str], ...]:
    """Return a server's subject, or that of a CA which shares its name with none of another lab or recipe."""
    if label == "leaf":
        return (("O", ORGANIZATION), ("CN", around.host))
    suffix = around.entropy.token(4, f"pki name {label}").hex()
    return (("O", ORGANIZATION), ("CN", f"{chain.id[:30]} {label[:20]} {suffix}"))


def _serial(label: str, contents: tuple[bytes, ...], entropy: Entropy) -> bytes:
    """Return a positive serial number that depends on everything else, as NSS wants it unique for its issuer."""
    salt = entropy.token(_SERIAL_OCTETS, f"pki serial {label}")
    digest = bytearray(hashlib.sha256(salt + b"".join(contents)).digest()[:_SERIAL_OCTETS])
    digest[0] = digest[0] & 0x3F | 0x40
    return bytes(digest)
