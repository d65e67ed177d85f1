"""The lab's own certificate authority: a pure function of entropy and time.

A root signs one name-constrained intermediate and its key is forgotten on the spot: it is a local variable of
:func:`create_authority` and never leaves it. Whoever steals what remains can vouch for lab names only.

Every step is deterministic: keys are derived from the entropy, signatures are RFC 6979's, serial numbers are digests of
everything else in the certificate, and dates count from the day's midnight. So one seed and one day give one result.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from labserver.errors import ConfigurationError
from labserver.pki.chain import Chain
from labserver.pki.permitted import LAB, Permitted
from labserver.pki.profile import (
    BACKDATE,
    HOSTS,
    USAGES,
    Profile,
    client_profile,
    intermediate_profile,
    root_profile,
    server_profile,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labserver.clock import Clock, Entropy

__all__ = [
    "EPHEMERAL_LIFETIME",
    "KEPT_LIFETIME",
    "Authority",
    "LabIssuer",
    "create_authority",
    "derive_key",
    "issue",
]

EPHEMERAL_LIFETIME = timedelta(days=30)
"""A CA made for one run."""
KEPT_LIFETIME = timedelta(days=365)
"""A CA kept with ``--state``."""

_P256_ORDER = 0xFFFFFFFF_00000000_FFFFFFFF_FFFFFFFF_BCE6FAAD_A7179E84_F3B9CAC2_FC632551
_SERIAL_BITS = 127
"""Sixteen octets whose first bit is clear, so that DER needs no seventeenth (RFC 5280 4.1.2.2 allows twenty)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A root without its key and the intermediate that issues for it; all DER."""

    root: bytes
    intermediate: bytes
    key: bytes = field(repr=False)
    """The intermediate's private key, unencrypted PKCS #8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def create_authority(
    entropy: Entropy,
    now: datetime,
    *,
    origin: str,
    permitted: Permitted = LAB,
    lifetime: timedelta = EPHEMERAL_LIFETIME,
) -> Authority:
    """Return a new CA.

    ``origin`` (this host's name) and a random suffix go into its names, so that the CAs of two labs never share one.
    """
    label = f"{entropy.token(4, 'pki name').hex()} {origin}"
    root_key = derive_key(entropy, "root")
    root = _certify(
        root_profile(label, lifetime=lifetime, permitted=permitted), root_key, None, entropy=entropy, now=now
    )
    key = derive_key(entropy, "intermediate")
    intermediate = _certify(
        intermediate_profile(label, lifetime=lifetime, permitted=permitted),
        key,
        _Signer(certificate=root, key=root_key),
        entropy=entropy,
        now=now,
    )
    return Authority(root=_der(root), intermediate=_der(intermediate), key=_pkcs8(key))


def issue(authority: Authority, profile: Profile, *, entropy: Entropy, now: datetime) -> Chain:
    """Return a chain whose leaf says exactly what ``profile`` says."""
    issuer_key = serialization.load_der_private_key(authority.key, None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise ConfigurationError("the CA's key is no elliptic-curve key: labserver makes only those")
    signer = _Signer(certificate=x509.load_der_x509_certificate(authority.intermediate), key=issuer_key)
    key = derive_key(entropy, profile.role)
    leaf = _certify(profile, key, signer, entropy=entropy, now=now)
    return Chain(leaf=_der(leaf), intermediates=(authority.intermediate,), key=_pkcs8(key), anchors=(authority.root,))


@dataclass(frozen=True, slots=True, kw_only=True)
class LabIssuer:
    """The lab's CA at work (an :class:`labserver.pki.chain.Issuer`)."""

    authority: Authority
    entropy: Entropy
    clock: Clock
    permitted: Permitted = LAB

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """The root."""
        return (self.authority.root,)

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """The root and the issuing CA."""
        return (self.authority.root, self.authority.intermediate)

    def issue_server(self, host: str, names: tuple[str, ...] = HOSTS) -> Chain:
        """Return a server's chain; raises ``ConfigurationError`` for a name outside the CA's constraints."""
        profile = server_profile(host, names)
        self.check(profile)
        return issue(self.authority, profile, entropy=self.entropy, now=self.clock.now())

    def check(self, profile: Profile) -> None:
        """Raise ``ConfigurationError`` if the profile has a name outside the CA's constraints."""
        for name in (*profile.names, *profile.addresses):
            if not self.permitted.covers(name):
                raise ConfigurationError(
                    f"the lab's CA may not vouch for {name!r}: add --permit {name.removeprefix('*.')} to widen its"
                    " name constraints"
                )

    def issue_client(self, account: str) -> Chain:
        """Return a client's chain for SASL EXTERNAL."""
        return issue(self.authority, client_profile(account), entropy=self.entropy, now=self.clock.now())


def derive_key(entropy: Entropy, role: str) -> ec.EllipticCurvePrivateKey:
    """Return a P-256 key; equal entropy gives an equal key (rejection sampling, FIPS 186-5 A.2.2)."""
    while True:
        scalar = int.from_bytes(entropy.token(32, f"pki key {role}"))
        if 0 < scalar < _P256_ORDER:
            return ec.derive_private_key(scalar, ec.SECP256R1())


def _certify(
    profile: Profile, key: ec.EllipticCurvePrivateKey, signer: _Signer | None, *, entropy: Entropy, now: datetime
) -> x509.Certificate:
    """Return the certificate of ``key`` made by ``signer``, or by itself."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, profile.organization),
            x509.NameAttribute(NameOID.COMMON_NAME, profile.common_name),
        ]
    )
    start = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - BACKDATE
    end = start + profile.lifetime - timedelta(seconds=1)  # notAfter belongs to the period (RFC 5280 4.1.2.5)
    if signer is not None:
        end = min(end, signer.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if signer is None else signer.certificate.subject)
        .public_key(key.public_key())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    signing_key = key if signer is None else signer.key
    for extension, critical in _extensions(profile, key.public_key(), signing_key.public_key()):
        builder = builder.add_extension(extension, critical=critical)
    return _sign(builder, signing_key, entropy.token(16, f"pki serial {profile.role}"))


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, salt: bytes) -> x509.Certificate:
    """Return the certificate under a serial number that depends on everything else it says.

    A seeded run on another day must not reuse a serial number: NSS refuses two certificates of one issuer that do.
    """
    draft = builder.serial_number(1).sign(key, hashes.SHA256(), ecdsa_deterministic=True)
    digest = int.from_bytes(hashlib.sha256(salt + draft.tbs_certificate_bytes).digest())
    serial = digest % (1 << _SERIAL_BITS - 1) | 1 << _SERIAL_BITS - 1
    return builder.serial_number(serial).sign(key, hashes.SHA256(), ecdsa_deterministic=True)


def _extensions(
    profile: Profile, public_key: ec.EllipticCurvePublicKey, issuer_key: ec.EllipticCurvePublicKey
) -> Iterator[tuple[x509.ExtensionType, bool]]:
    """Yield each extension and whether it is critical."""
    yield x509.BasicConstraints(ca=profile.authority, path_length=profile.path_length), True
    yield x509.KeyUsage(**{usage: usage in profile.key_usage for usage in USAGES}), True
    if profile.purposes:
        yield x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in profile.purposes]), False
    if profile.permitted is not None:
        yield x509.NameConstraints(_subtrees(profile.permitted), None), True
    if alternatives := _alternatives(profile):
        yield x509.SubjectAlternativeName(alternatives), False
    yield x509.SubjectKeyIdentifier.from_public_key(public_key), False
    if issuer_key != public_key:
        yield x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), False


def _alternatives(profile: Profile) -> list[x509.GeneralName]:
    return [
        *map(x509.DNSName, profile.names),
        *(x509.IPAddress(ip_address(address)) for address in profile.addresses),
        *map(x509.RFC822Name, profile.mailboxes),
    ]


def _subtrees(permitted: Permitted) -> list[x509.GeneralName]:
    return [*map(x509.DNSName, permitted.domains), *map(x509.IPAddress, permitted.networks)]


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _pkcs8(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
