"""``--cert`` and ``--key``: serve the operator's own chain.

What cannot work at all is refused with the command that mends it; what merely will not please every client (a date, a
name) is served as it is and said in a sentence.
"""

from __future__ import annotations

import re
from datetime import UTC
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from labserver.errors import ConfigurationError
from labserver.pki.chain import Chain
from labserver.pki.files import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

__all__ = ["load_own", "matches"]

_PRIVATE_KEY = re.compile(
    rb"-----BEGIN (?P<kind>[A-Z ]*)PRIVATE KEY-----.*?-----END (?P=kind)PRIVATE KEY-----", re.DOTALL
)


def load_own(certificate: Path, key: Path | None, *, host: str, now: datetime) -> tuple[Chain, tuple[str, ...]]:
    """Return the chain in two PEM files and what there is to say about it.

    ``certificate`` holds the leaf first, then its intermediates; without ``key`` it holds the private key too.
    A self-signed certificate in last place counts as the anchor. Raises ``ConfigurationError``.
    """
    certificates = _certificates(certificate)
    leaf = certificates[0]
    private_key = _private_key(key or certificate)
    _check_pair(certificates, private_key, certificate=certificate, key=key or certificate)
    last = certificates[-1]
    chain = Chain(
        leaf=leaf.public_bytes(Encoding.DER),
        intermediates=tuple(item.public_bytes(Encoding.DER) for item in certificates[1:]),
        key=private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        anchors=(last.public_bytes(Encoding.DER),) if last.subject == last.issuer else (),
    )
    return chain, tuple(_notices(leaf, path=certificate, host=host, now=now))


def matches(certificate: x509.Certificate, host: str) -> bool:
    """Tell whether a client that connects to ``host`` finds it in the certificate (RFC 9525 6.3, 6.4)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    try:
        return ip_address(host) in names.get_values_for_type(x509.IPAddress)
    except ValueError:
        presented = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    _, _, parent = host.lower().partition(".")
    return host.lower() in presented or f"*.{parent}" in presented


def _certificates(path: Path) -> list[x509.Certificate]:
    content = read_file(path, "the certificate")
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ConfigurationError(
            f"{path} holds no PEM certificate. If it is DER: openssl x509 -inform der -in {path} -out cert.pem;"
            f" if it is PKCS #12: openssl pkcs12 -in {path} -out cert.pem -nodes"
        )
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} holds a damaged certificate: {error}") from error


def _private_key(path: Path) -> PrivateKeyTypes:
    block = _PRIVATE_KEY.search(read_file(path, "the private key"))
    if block is None:
        raise ConfigurationError(
            f"{path} holds no PEM private key: name the file that does with --key."
            f" If it is DER: openssl pkey -inform der -in {path} -out key.pem"
        )
    try:
        return load_pem_private_key(block[0] + b"\n", None)
    except TypeError as error:
        raise ConfigurationError(
            f"the private key in {path} is encrypted and labserver asks for no passphrase:"
            f" openssl pkey -in {path} -out key.pem writes a plain copy"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path} holds a private key that cannot be used: {error}") from error


def _check_pair(
    certificates: list[x509.Certificate], private_key: PrivateKeyTypes, *, certificate: Path, key: Path
) -> None:
    """Refuse a key that is not the first certificate's."""
    wanted = _spki(private_key.public_key())
    owners = [place for place, item in enumerate(certificates, start=1) if _spki(item.public_key()) == wanted]
    if not owners:
        raise ConfigurationError(f"the private key in {key} belongs to no certificate in {certificate}")
    if owners[0] != 1:
        raise ConfigurationError(
            f"the private key in {key} belongs to certificate {owners[0]} in {certificate}:"
            " put that one first, its issuer second, and so on (RFC 8446 4.4.2)"
        )


def _notices(leaf: x509.Certificate, *, path: Path, host: str, now: datetime) -> Iterator[str]:
    if now > leaf.not_valid_after_utc:
        yield f"The certificate in {path} expired on {leaf.not_valid_after_utc:%Y-%m-%d}: clients will refuse it."
    if now < leaf.not_valid_before_utc:
        start = leaf.not_valid_before_utc.astimezone(UTC)
        yield f"The certificate in {path} is not valid before {start:%Y-%m-%d %H:%M} UTC: clients will refuse it."
    if not matches(leaf, host):
        yield f"The certificate in {path} is not for {host}: clients that connect to that name will refuse it."


def _spki(public_key: PublicKeyTypes) -> bytes:
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
