"""A chain in words, for ``labserver certs show``: what a person compares with what a client complains about."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from labserver.pki.chain import fingerprint
from labserver.pki.profile import CLIENT_AUTH, SERVER_AUTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from labserver.pki.chain import Chain

__all__ = ["describe_certificate", "describe_chain"]

_NAME_COLUMNS = 12
_PURPOSES = {SERVER_AUTH: "TLS server", CLIENT_AUTH: "TLS client"}
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def describe_chain(chain: Chain) -> str:
    """Return the chain as text: each certificate in wire order, then what a client must trust."""
    titles = [(f"{place}. on the wire", der) for place, der in enumerate(chain.certificates, start=1)]
    titles += [("to be trusted by clients", der) for der in chain.anchors]
    return "\n".join(f"{title}\n{describe_certificate(der)}" for title, der in titles)


def describe_certificate(der: bytes) -> str:
    """Return one certificate as indented ``name  value`` lines; also one that is too malformed to be parsed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what a scenario gets wrong on purpose
            facts = list(_facts(x509.load_der_x509_certificate(der)))
    except ValueError as error:
        facts = [("malformed", f"{len(der)} octets that the parser refuses: {error}")]
    facts.append(("sha256", fingerprint(der)))
    return "".join(f"   {name:<{_NAME_COLUMNS}}{value}\n" for name, value in facts)


def _facts(certificate: x509.Certificate) -> Iterator[tuple[str, str]]:
    yield "subject", certificate.subject.rfc4514_string()
    yield "issuer", "itself" if certificate.subject == certificate.issuer else certificate.issuer.rfc4514_string()
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    yield "valid", f"{start:%Y-%m-%d %H:%M:%S} to {end:%Y-%m-%d %H:%M:%S} UTC"
    yield "key", _key(certificate.public_key())
    yield "serial", f"{certificate.serial_number:x}"
    for extension in certificate.extensions:
        yield from _extension(extension.value)


def _extension(value: x509.ExtensionType) -> Iterator[tuple[str, str]]:
    """Yield what a mail client's judgement can depend on; key identifiers are for machines."""
    match value:
        case x509.BasicConstraints():
            below = "" if value.path_length is None else f", with at most {value.path_length} CAs below it"
            yield "is a CA", f"yes{below}" if value.ca else "no"
        case x509.KeyUsage():
            yield "key usage", ", ".join(usage.replace("_", " ") for usage in _KEY_USAGES if getattr(value, usage))
        case x509.ExtendedKeyUsage():
            oids = [usage.dotted_string for usage in value]
            yield "purposes", ", ".join(_PURPOSES.get(oid, oid) for oid in oids)
        case x509.SubjectAlternativeName():
            yield "names", _names(value)
        case x509.NameConstraints():
            yield "permitted", _names(value.permitted_subtrees or ()) or "every name"
            yield "excluded", _names(value.excluded_subtrees or ()) or "no name"
        case _:
            return


def _names(names: Iterable[x509.GeneralName]) -> str:
    return ", ".join(_name(name) for name in names)


def _name(name: x509.GeneralName) -> str:
    match name:
        case x509.DirectoryName():
            return name.value.rfc4514_string()
        case x509.OtherName():
            return f"{name.type_id.dotted_string}={name.value.hex()}"
        case _:
            return str(name.value)


def _key(key: CertificatePublicKeyTypes) -> str:
    match key:
        case ec.EllipticCurvePublicKey():
            return f"EC {key.curve.name}"
        case rsa.RSAPublicKey():
            return f"RSA {key.key_size} bits"
        case _:
            return type(key).__name__.removesuffix("PublicKey")
