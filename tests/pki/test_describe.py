"""Claims about a chain in words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from labserver.clock import FixedClock, SeededEntropy
from labserver.pki.authority import LabIssuer, create_authority
from labserver.pki.chain import fingerprint
from labserver.pki.describe import describe_certificate, describe_chain

if TYPE_CHECKING:
    from labserver.pki.chain import Chain

LEAF = """\
   subject     CN=lab.test,O=labserver
   issuer      CN=labserver issuing CA c5c384de nowhere,O=labserver
   valid       2026-11-22 00:00:00 to 2026-12-21 23:59:59 UTC
   key         EC secp256r1
   serial      SERIAL
   is a CA     no
   key usage   digital signature
   purposes    TLS server
   names       lab.test, *.lab.test, 127.0.0.1
   sha256      DIGEST
"""

INTERMEDIATE = (
    "   is a CA     yes, with at most 0 CAs below it\n"
    "   key usage   key cert sign, crl sign\n"
    "   purposes    TLS server, TLS client\n"
    "   permitted   test, localhost, example, invalid, internal, labserver, mail, 127.0.0.0/8, ::1/128\n"
    "   excluded    no name\n"
)


def seeded_chain(clock: FixedClock) -> Chain:
    """Return a chain that is the same every time."""
    entropy = SeededEntropy("words")
    authority = create_authority(entropy, clock.now(), origin="nowhere")
    issuer = LabIssuer(authority=authority, entropy=entropy, clock=clock)
    return issuer.issue_server("lab.test", ("*.lab.test", "127.0.0.1"))


def test_a_leaf_in_words(pki_clock: FixedClock) -> None:
    """Everything that a client may complain about stands there, aligned."""
    leaf = seeded_chain(pki_clock).leaf
    serial = f"{x509.load_der_x509_certificate(leaf).serial_number:x}"
    assert describe_certificate(leaf) == LEAF.replace("SERIAL", serial).replace("DIGEST", fingerprint(leaf))


def test_a_chain_in_words(pki_clock: FixedClock) -> None:
    """Wire order first, then the anchor, which was issued by itself."""
    text = describe_chain(seeded_chain(pki_clock))
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert titles == ["1. on the wire", "2. on the wire", "to be trusted by clients"]
    assert INTERMEDIATE in text
    assert "issuer      itself" in text.partition("to be trusted")[2]


def test_malformed_certificates_are_described_too(pki_chain: Chain) -> None:
    """What no parser accepts still has a length and a digest, and stops no listing."""
    broken = replace(pki_chain, leaf=b"\x30\x03\x02\x01\x00")
    text = describe_chain(broken)
    assert "malformed   5 octets that the parser refuses" in text
    assert fingerprint(broken.leaf) in text
    assert INTERMEDIATE in text


def test_other_keys_and_names(pki_clock: FixedClock) -> None:
    """Other kinds of keys, purposes and names have words as well."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "odd")])
    key = ed25519.Ed25519PrivateKey.generate()
    other = x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00")
    odd = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, pki_clock.now(), pki_clock.now())
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier("1.2.3.4")]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DirectoryName(name), other]), critical=False)
        .add_extension(x509.NameConstraints(None, [x509.DNSName("com")]), critical=True)
        .sign(key, None)
    )
    text = describe_certificate(odd.public_bytes(Encoding.DER))
    assert "key         Ed25519\n" in text
    assert "purposes    1.2.3.4\n" in text
    assert "names       CN=odd, 1.2.3=0500\n" in text
    assert "permitted   every name\n   excluded    com\n" in text


def test_rsa_keys_have_a_size(pki_clock: FixedClock) -> None:
    """An RSA key is told by its bits."""
    name = x509.Name([])
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505 -- quickly made, and secures nothing
    certificate = x509.CertificateBuilder(name, name, key.public_key(), 7, pki_clock.now(), pki_clock.now())
    text = describe_certificate(certificate.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))
    assert "key         RSA 1024 bits\n" in text
