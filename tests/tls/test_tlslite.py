"""The engine that presents anything: what it does besides what every engine does."""

from __future__ import annotations

import base64
import random
import re
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from OpenSSL import SSL

from labserver.errors import ConfigurationError
from labserver.pki.chain import certificates_pem
from labserver.tls.engine import TlsSettings, make_engines
from tests.tls.clients import OpensslClient, StdlibClient, shake
from tests.tls.hello import of_ssl

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes, PrivateKeyTypes

    from labserver.tls.engine import TlsEngine
    from tests.tls.clients import Client

BOTH = pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
_KEYS: dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "RSA-1024": lambda: rsa.generate_private_key(65537, 1024),  # noqa: S505 -- small on purpose
    "RSA-2048": lambda: rsa.generate_private_key(65537, 2048),
}
_LISTS: dict[str, Callable[[bytes], list[bytes]]] = {
    "twice": lambda leaf: [leaf, leaf],
    "malformed first": lambda leaf: [b"\x30\x03\x02\x01\x01", leaf],
    "malformed last": lambda leaf: [leaf, b"no certificate at all"],
    "empty": lambda _: [b""],
    "very long": lambda leaf: [leaf, bytes(100_000)],
}
_SUITES = ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-RSA-AES256-SHA384", "AES128-GCM-SHA256")
_CERTIFICATE = 11
"""The handshake message's type (RFC 5246 7.4)."""


def _engine(settings: TlsSettings) -> TlsEngine:
    return make_engines("tlslite", settings)()


def _pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _self_signed(key: CertificateIssuerPrivateKeyTypes) -> TlsSettings:
    name, now = x509.Name([]), datetime.now(UTC)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    leaf = builder.sign(key, digest).public_bytes(Encoding.DER)
    return TlsSettings(certificate_chain=certificates_pem((leaf,)), private_key=_pem(key))


def _certificates(flight: bytes) -> list[bytes]:
    """Return the entries of the Certificate message in a server's first flight of TLS 1.2."""
    messages = bytearray()
    while flight:
        end = 5 + int.from_bytes(flight[3:5])
        messages += flight[5:end]
        flight = flight[end:]
    while messages[0] != _CERTIFICATE:
        del messages[: 4 + int.from_bytes(messages[1:4])]
    entries, rest = [], messages[7 : 4 + int.from_bytes(messages[1:4])]
    while rest:
        end = 3 + int.from_bytes(rest[:3])
        entries.append(bytes(rest[3:end]))
        rest = rest[end:]
    return entries


def _hello(version: ssl.TLSVersion) -> bytes:
    client = StdlibClient(ca=None, version=version)
    client.step()
    return client.outgoing()


@BOTH
@pytest.mark.parametrize("kind", _KEYS)
def test_keys(kind: str, version: int) -> None:
    """Keys of every kind sign the handshake so that OpenSSL takes it."""
    client, engine = OpensslClient(version=version), _engine(_self_signed(_KEYS[kind]()))
    engine.send(b"* OK")
    assert shake(client, engine)[0] == b"* OK"
    assert engine.failure is None


@pytest.mark.parametrize("suite", _SUITES)
def test_suites(suite: str) -> None:
    """Old ways to exchange keys and to encrypt work as OpenSSL does them, and have OpenSSL's names."""
    engine = _engine(_self_signed(_KEYS["RSA-2048"]()))
    client = StdlibClient(ca=None, version=ssl.TLSVersion.TLSv1_2, ciphers=suite)
    engine.send(b"s" * 50_000)
    heard, _ = shake(client, engine)
    client.send(b"c" * 50_000)
    assert (heard, shake(client, engine)[1]) == (b"s" * 50_000, b"c" * 50_000)
    assert engine.facts().cipher == suite


@pytest.mark.parametrize("kind", _LISTS)
def test_certificates(kind: str, tls_settings: TlsSettings) -> None:
    """The certificates cross the network octet for octet, whatever they are."""
    leaf = x509.load_pem_x509_certificate(tls_settings.certificate_chain).public_bytes(Encoding.DER)
    entries = _LISTS[kind](leaf)
    engine = _engine(replace(tls_settings, certificate_chain=certificates_pem(tuple(entries))))
    engine.receive(_hello(ssl.TLSVersion.TLSv1_2))
    assert engine.decrypted() == b""
    assert _certificates(engine.outgoing()) == entries


def test_a_key_that_is_not_the_leaf_s(tls_settings: TlsSettings) -> None:
    """The key is used as it is given; that it is another's, the client has to find out."""
    engine = _engine(replace(tls_settings, private_key=_pem(_KEYS["P-256"]())))
    shake(client := OpensslClient(), engine)
    assert "bad signature" in client.error
    assert engine.failure is not None
    assert engine.failure.alert == "decrypt_error"


@BOTH
def test_an_address_as_a_name(tls_settings: TlsSettings, version: int) -> None:
    """A client that asks for an address by SNI, as it must not (RFC 6066 3), is served all the same."""
    client, engine = OpensslClient(version=version), _engine(tls_settings)
    client.tls.set_tlsext_host_name(b"127.0.0.1")
    shake(client, engine)
    assert engine.established
    assert engine.facts().server_name == "127.0.0.1"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_protocol_to_agree_on(tls_settings: TlsSettings, version: ssl.TLSVersion) -> None:
    """A client that offers protocols is served without one."""
    client, engine = StdlibClient(ca=None, version=version, protocols=("imap",)), _engine(tls_settings)
    shake(client, engine)
    assert engine.established
    assert engine.facts().alpn == ""


def test_facts(tls_settings: TlsSettings) -> None:
    """The group and the suite of TLS 1.3 have the names that OpenSSL gives them."""
    client, engine = OpensslClient(), _engine(tls_settings)
    shake(client, engine)
    assert engine.facts().cipher == client.tls.get_cipher_name()
    assert engine.facts().group == client.tls.get_group_name()


@BOTH
def test_exporter(tls_settings: TlsSettings, version: int) -> None:
    """tls-exporter is the same on both sides (RFC 9266), and is there when TLS is."""
    client, engine = OpensslClient(version=version), _engine(tls_settings)
    assert engine.binding("tls-exporter") is None
    shake(client, engine)
    expected = client.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
    assert engine.binding("tls-exporter") == expected
    client.shutdown()
    shake(client, engine)
    assert engine.peer_closed
    assert engine.binding("tls-exporter") == expected


@pytest.mark.parametrize(
    ("staple", "alert"), [(b"", "decode_error"), (b"no OCSP response", "bad_certificate_status_response")]
)
@BOTH
def test_staples(tls_settings: TlsSettings, version: int, staple: bytes, alert: str) -> None:
    """What is stapled may be anything, which OpenSSL, for one, refuses if it has asked for it."""
    make = make_engines("tlslite", replace(tls_settings, staple=staple))
    shake(OpensslClient(version=version, asks=True), asked := make())
    assert asked.failure is not None
    assert asked.failure.alert == alert
    shake(OpensslClient(version=version), unasked := make())
    assert unasked.failure is None


@pytest.mark.parametrize(
    ("present", "kind", "version", "alert"),
    [
        ("no-certificates", "P-256", SSL.TLS1_2_VERSION, "decode_error"),
        ("no-certificates", "P-256", SSL.TLS1_3_VERSION, "decode_error"),
        ("spoiled-signature", "P-256", SSL.TLS1_2_VERSION, "decrypt_error"),
        ("spoiled-signature", "RSA-2048", SSL.TLS1_2_VERSION, "decrypt_error"),
        ("spoiled-signature", "Ed25519", SSL.TLS1_3_VERSION, "decrypt_error"),
        ("pkcs1-signature", "RSA-2048", SSL.TLS1_3_VERSION, "illegal_parameter"),
        ("md5-signature", "RSA-2048", SSL.TLS1_2_VERSION, "illegal_parameter"),
    ],
)
def test_presentations(present: str, kind: str, version: int, alert: str) -> None:
    """What is wrong on purpose is refused by OpenSSL even if it verifies no certificate, with the alert for it."""
    client, engine = OpensslClient(version=version), _engine(replace(_self_signed(_KEYS[kind]()), present=present))
    shake(client, engine)
    assert client.error
    assert engine.failure is not None
    assert engine.failure.alert == alert
    assert not engine.failure.intended


@BOTH
def test_unrecognized_name(tls_settings: TlsSettings, version: int) -> None:
    """A name is refused with the alert for it, in clear, and that is what the server means."""
    client, engine = OpensslClient(version=version), _engine(replace(tls_settings, present="unrecognized-name"))
    shake(client, engine)
    assert "unrecognized name" in client.error
    assert engine.failure is not None
    assert engine.failure.intended
    engine = _engine(replace(tls_settings, present="unrecognized-name"))
    engine.receive(of_ssl("127.0.0.1"))  # which sends no name
    assert engine.decrypted() == b""
    assert engine.failure is None


@pytest.mark.parametrize("name", ["openssl", "stdlib"])
def test_other_engines(tls_settings: TlsSettings, name: str) -> None:
    """The other engines do not pretend to present anything."""
    with pytest.raises(ConfigurationError, match=f"the {name} engine knows no compressed"):
        make_engines(name, replace(tls_settings, present="compressed"))()


def test_a_key_that_signs_nothing(tls_settings: TlsSettings) -> None:
    """A key that is for another purpose is refused at once."""
    with pytest.raises(ConfigurationError, match="X25519PrivateKey"):
        make_engines("tlslite", replace(tls_settings, private_key=_pem(x25519.X25519PrivateKey.generate())))()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_exception(tls_settings: TlsSettings, version: ssl.TLSVersion) -> None:
    """Whatever is wrong with a ClientHello, the answer is an alert, or a wait for more: never an exception."""
    make, chance, reasons = make_engines("tlslite", tls_settings), random.Random(6), set()  # noqa: S311 -- no secret
    good = _hello(version)
    for _ in range(400):
        hello = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            hello[chance.randrange(43, len(hello))] = chance.choice((0, 1, 2, 0x40, 0xFF, chance.randrange(256)))
        engine = make()
        engine.receive(bytes(hello))
        assert engine.decrypted() == b""
        assert not engine.established
        if engine.failure is not None:
            reasons.add(re.split("[:(]", engine.failure.reason)[0])
            assert engine.outgoing()[-7:-1] == b"\x15\x03\x03\0\2\2"
    assert len(reasons) > 3


def test_no_exception_later(tls_settings: TlsSettings) -> None:
    """The same for the rest of the handshake, and for what comes after it."""
    clients: tuple[Callable[[], Client], ...] = (
        lambda: StdlibClient(ca=None, version=ssl.TLSVersion.TLSv1_2),
        lambda: StdlibClient(ca=None),
    )
    make, chance = make_engines("tlslite", tls_settings), random.Random(6)  # noqa: S311 -- no secret
    for number in range(60):
        client, engine = clients[number % 2](), make()
        for _ in range(chance.randint(1, 3)):
            client.step()
            engine.receive(client.outgoing())
            engine.decrypted()
            client.receive(engine.outgoing())
        client.step()
        sent = bytearray(client.outgoing() or chance.randbytes(40))
        sent[chance.randrange(len(sent))] ^= 1 << chance.randrange(8)
        engine.receive(bytes(sent) + chance.randbytes(50))
        engine.decrypted()
        assert engine.failure is None or engine.failure.reason


def test_base64_is_all_that_is_read(tls_settings: TlsSettings) -> None:
    """Text around the PEM blocks is no certificate (RFC 7468 2)."""
    leaf = base64.b64decode(tls_settings.certificate_chain.split(b"-----")[2])
    engine = _engine(replace(tls_settings, certificate_chain=b"subject: me\n" + tls_settings.certificate_chain))
    engine.receive(_hello(ssl.TLSVersion.TLSv1_2))
    engine.decrypted()
    assert _certificates(engine.outgoing())[0] == leaf
