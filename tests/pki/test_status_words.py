"""Claims about CRLs and OCSP responses in words, those made by cryptography."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from labserver.pki.anatomy import dissect
from labserver.pki.status_words import crl_words, ocsp_words

if TYPE_CHECKING:
    from labserver.pki.chain import Chain

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody")])
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize("serials", [(), (7,), (7, 8, 9)])
def test_crl(serials: tuple[int, ...]) -> None:
    """Whose it is, of when, and how many are on it."""
    builder = x509.CertificateRevocationListBuilder(NAME, NOW, LATER)
    for serial in serials:
        builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder(serial, NOW).build())
    told = crl_words(builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER))
    assert told == f"of CN=somebody, 2026-11-23 12:00:00 to 2026-11-30 12:00:00 UTC, {len(serials)} revoked"


@pytest.mark.parametrize(
    ("status", "next_update", "told"),
    [
        (ocsp.OCSPCertStatus.GOOD, LATER, "good, 2026-11-23 12:00:00 to 2026-11-30 12:00:00 UTC"),
        (ocsp.OCSPCertStatus.UNKNOWN, None, "unknown, from 2026-11-23 12:00:00 UTC on"),
        (ocsp.OCSPCertStatus.REVOKED, None, "revoked since 2026-11-22 12:00:00, from 2026-11-23 12:00:00 UTC on"),
    ],
)
def test_ocsp(pki_chain: Chain, status: ocsp.OCSPCertStatus, next_update: datetime | None, told: str) -> None:
    """Which certificate it is about, by its serial number, what it is, and of when that is."""
    leaf, issuer = map(x509.load_der_x509_certificate, pki_chain.certificates)
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        leaf,
        issuer,
        hashes.SHA1(),  # noqa: S303 -- an identifier, as usual
        status,
        NOW,
        next_update,
        NOW - timedelta(days=1) if revoked else None,
        None,
    )
    responder = x509.CertificateBuilder(NAME, NAME, KEY.public_key(), 7, NOW, LATER).sign(KEY, hashes.SHA256())
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, responder).certificates([responder])
    response = builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)
    serial = dissect(pki_chain.leaf).serial.hex().lstrip("0")
    assert ocsp_words(response) == f"{serial} is {told}"


def test_ocsp_that_says_nothing() -> None:
    """A response without an answer has a reason."""
    failed = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    assert ocsp_words(failed.public_bytes(Encoding.DER)) == "says nothing: try later"


@pytest.mark.parametrize("octets", [b"", b"malformed", b"\x30\x00", b"\x30\x03\x0a\x01"])
def test_what_cannot_be_read(octets: bytes) -> None:
    """What is neither is a ValueError or the like, and nothing else."""
    for words in (crl_words, ocsp_words):
        with pytest.raises((ValueError, IndexError)):
            words(octets)
