"""Every engine, against clients of two libraries: handshakes, data, endings, bindings, and whatever else comes in."""

from __future__ import annotations

import hashlib
import ssl
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509 import ocsp
from OpenSSL import SSL

from labserver.errors import ConfigurationError
from labserver.tls.engine import TlsSettings, make_engines
from labserver.tls.key_log import _tell
from tests.tls.clients import NAME, Client, OpensslClient, StdlibClient, shake

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine

_CLIENTS: dict[str, tuple[str, Callable[[str], Client]]] = {
    "stdlib-1.3": ("TLSv1.3", lambda ca: StdlibClient(ca=ca)),
    "stdlib-1.2": ("TLSv1.2", lambda ca: StdlibClient(ca=ca, version=ssl.TLSVersion.TLSv1_2)),
    "openssl-1.3": ("TLSv1.3", lambda _: OpensslClient()),
    "openssl-1.2": ("TLSv1.2", lambda _: OpensslClient(version=SSL.TLS1_2_VERSION)),
}

VERIFYING = pytest.mark.parametrize("name", ["openssl", "stdlib"])
"""Engines that look at certificates: at their own, and at a client's."""


@pytest.fixture(params=list(_CLIENTS))
def met(request: pytest.FixtureRequest, authority: trustme.CA) -> tuple[str, Client]:
    """Return a version and a client that speaks it."""
    version, make = _CLIENTS[request.param]
    return version, make(authority.cert_pem.bytes().decode())


def test_handshake(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """The handshake finishes on both sides, and its facts are what happened."""
    version, client = met
    shake(client, engine)
    assert engine.established
    assert engine.failure is None
    assert not client.error
    facts = engine.facts()
    assert (facts.version, facts.server_name, facts.client_certificate, facts.alpn) == (version, NAME, "", "")
    assert facts.cipher.startswith("TLS_" if version == "TLSv1.3" else "ECDHE-")
    assert facts.engine in type(engine).__name__.lower()
    assert engine.client_certificate is None


@pytest.mark.parametrize("size", [1, 16_384, 16_385, 1_000_000])
def test_data(engine: TlsEngine, met: tuple[str, Client], size: int) -> None:
    """Octets come through both ways, whatever their number."""
    _, client = met
    shake(client, engine)
    there, back = b"c" * size, b"s" * size
    client.send(there)
    engine.send(back)
    client.receive(engine.outgoing())
    assert shake(client, engine) == (back, there)


def test_octet_by_octet(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """A handshake in segments of one octet is a handshake."""
    _, client = met
    for _ in range(4):
        client.step()
        for octet in client.outgoing():
            engine.receive(bytes([octet]))
            assert engine.decrypted() == b""
        client.receive(engine.outgoing())
    assert engine.established


def test_said_before_the_handshake(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """What is sent early waits for the handshake: it never goes out in clear."""
    _, client = met
    engine.send(b"* OK ")
    engine.send(b"hello\r\n")
    assert engine.outgoing() == b""
    heard, _ = shake(client, engine)
    assert heard == b"* OK hello\r\n"


def test_the_client_closes(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """close_notify from the client is told as such; nothing is decrypted behind it."""
    _, client = met
    shake(client, engine)
    client.send(b"QUIT\r\n")
    client.shutdown()
    _, decrypted = shake(client, engine)
    assert decrypted == b"QUIT\r\n"
    assert engine.peer_closed
    assert engine.failure is None
    engine.receive(b"\x17\x03\x03\x00\x01x")
    assert engine.decrypted() == b""


def test_the_server_closes(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """Shutdown says close_notify behind what was sent."""
    _, client = met
    shake(client, engine)
    engine.send(b"* BYE\r\n")
    engine.shutdown()
    client.receive(engine.outgoing())
    assert client.step() == b"* BYE\r\n"
    client.step()
    assert client.closed
    assert not client.error
    assert engine.failure is None


@pytest.mark.parametrize(
    "rubbish",
    [b"EHLO me\r\n" * 3, b"\x80\x2e\x01\x03\x01" + bytes(64), b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", bytes(64)],
)
def test_no_handshake(engine: TlsEngine, rubbish: bytes) -> None:
    """What is no ClientHello is a failure with a reason, and stays one."""
    engine.receive(rubbish)
    assert engine.decrypted() == b""
    assert engine.failure is not None
    assert engine.failure.reason
    assert engine.failure.alert == ""
    assert not engine.established
    engine.outgoing()
    engine.send(b"secret")
    assert b"secret" not in engine.outgoing()
    assert engine.decrypted() == b""


def test_half_a_handshake(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """A handshake that is not finished is neither established nor failed."""
    _, client = met
    client.step()
    engine.receive(client.outgoing()[:-1])
    assert engine.decrypted() == b""
    assert not engine.established
    assert engine.failure is None
    engine.shutdown()  # must not raise


def test_a_broken_record(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """A record that was tampered with breaks TLS after the handshake; what came before it was heard."""
    _, client = met
    shake(client, engine)
    client.send(b"first")
    engine.receive(client.outgoing())
    client.send(b"second")
    record = bytearray(client.outgoing())
    record[-1] ^= 1
    engine.receive(bytes(record))
    assert engine.decrypted() == b"first"
    assert engine.failure is not None
    assert engine.failure.alert == ""


def test_the_alert_of_a_client_that_does_not_trust(engine: TlsEngine) -> None:
    """A client that does not know the CA says so, and the alert has its IANA name."""
    stranger = trustme.CA().cert_pem.bytes().decode()
    client = StdlibClient(ca=stranger, version=ssl.TLSVersion.TLSv1_2)
    shake(client, engine)
    assert "CERTIFICATE_VERIFY_FAILED" in client.error
    assert engine.failure is not None
    assert engine.failure.alert == "unknown_ca"
    assert not engine.established


def test_the_alert_after_the_handshake(engine: TlsEngine) -> None:
    """In TLS 1.3 the server may learn of the client's refusal only after its handshake; the name is the same."""
    stranger = trustme.CA().cert_pem.bytes().decode()
    shake(StdlibClient(ca=stranger), engine)
    assert engine.failure is not None
    assert engine.failure.alert == "unknown_ca"


def test_an_old_client(engine: TlsEngine) -> None:
    """TLS 1.1 is refused by the server, and that is no alert of the client's."""
    client = OpensslClient(version=SSL.TLS1_1_VERSION)
    shake(client, engine)
    assert not engine.established
    assert engine.failure is not None
    assert engine.failure.alert == ""


def test_exporter(tls_settings: TlsSettings) -> None:
    """tls-exporter is the same on both sides (RFC 9266)."""
    engine, client = make_engines("openssl", tls_settings)(), OpensslClient()
    shake(client, engine)
    assert engine.binding("tls-exporter") == client.tls.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")


def test_a_client_that_closes_at_once(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """One whose goodbye comes with its Finished is a connection like any other; what is said to it, it may not hear."""
    _, client = met
    while not engine.established:
        client.step()
        sent = client.outgoing()
        with suppress(SSL.Error, ssl.SSLError):
            client.shutdown()
        engine.receive(sent + client.outgoing())
        engine.decrypted()
        client.receive(engine.outgoing())
    assert engine.facts().version
    for kind in ("tls-exporter", "tls-unique", "tls-server-end-point"):
        engine.binding(kind)
    engine.send(b"* OK hello\r\n")
    engine.shutdown()
    assert engine.failure is None


@pytest.mark.parametrize("library", ["stdlib", "openssl"])
def test_unique(engine: TlsEngine, authority: trustme.CA, library: str) -> None:
    """tls-unique is the client's Finished, on both sides (RFC 5929 3.1)."""
    client: Client
    if library == "stdlib":
        client = stdlib = StdlibClient(ca=authority.cert_pem.bytes().decode(), version=ssl.TLSVersion.TLSv1_2)
        shake(client, engine)
        expected = stdlib.tls.get_channel_binding("tls-unique")
    else:
        client = openssl = OpensslClient(version=SSL.TLS1_2_VERSION)
        shake(client, engine)
        expected = openssl.tls.get_finished()
    assert expected
    assert engine.binding("tls-unique") == expected


def test_server_end_point(engine: TlsEngine, met: tuple[str, Client]) -> None:
    """tls-server-end-point is the hash of the certificate the client saw (RFC 5929 4.1)."""
    _, client = met
    shake(client, engine)
    assert engine.binding("tls-server-end-point") == hashlib.sha256(client.certificate()).digest()


def test_bindings_that_are_not(engine: TlsEngine, authority: trustme.CA) -> None:
    """TLS 1.3 has no tls-unique (RFC 8446 C.5), and nobody has a binding of an unknown name."""
    shake(StdlibClient(ca=authority.cert_pem.bytes().decode()), engine)
    assert engine.binding("tls-unique") is None
    assert engine.binding("tls-dreams") is None


@VERIFYING
@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_client_certificate(tls_settings: TlsSettings, authority: trustme.CA, version: int, name: str) -> None:
    """A client's certificate of the CA is verified and told."""
    certificate, key = _identity(authority)
    engine = make_engines(name, tls_settings)()
    shake(OpensslClient(version=version, identity=(certificate, key)), engine)
    assert engine.failure is None
    assert engine.client_certificate is not None
    assert x509.load_der_x509_certificate(engine.client_certificate) == certificate
    assert engine.facts().client_certificate == hashlib.sha256(engine.client_certificate).hexdigest()


@VERIFYING
@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_client_certificate_of_a_stranger(tls_settings: TlsSettings, version: int, name: str) -> None:
    """A client's certificate of another CA breaks the handshake: it never passes for a proof."""
    engine = make_engines(name, tls_settings)()
    shake(OpensslClient(version=version, identity=_identity(trustme.CA())), engine)
    assert not engine.established
    assert engine.failure is not None


@pytest.mark.parametrize("name", ["openssl", "stdlib", "tlslite"])
def test_key_log(tls_settings: TlsSettings, tmp_path: Path, name: str) -> None:
    """The key log has the secrets of every session, one line each."""
    log = tmp_path / "keys"
    settings = TlsSettings(
        certificate_chain=tls_settings.certificate_chain, private_key=tls_settings.private_key, key_log=log
    )
    shake(OpensslClient(), make_engines(name, settings)())
    lines = [line for line in log.read_text().splitlines() if not line.startswith("#")]
    assert {line.split()[0] for line in lines} >= {"CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"}
    assert all(len(line.split()) == 3 for line in lines)


@pytest.mark.parametrize("name", ["openssl", "tlslite"])
@pytest.mark.parametrize("broken", ["full", "link"])
def test_a_key_log_that_fails(
    tls_settings: TlsSettings, tmp_path: Path, name: str, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A key log that cannot be written ends no session; the operator is told once, and no link is followed."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    log = Path("/dev/full") if broken == "full" else tmp_path / "link"
    settings = TlsSettings(
        certificate_chain=tls_settings.certificate_chain, private_key=tls_settings.private_key, key_log=log
    )
    _tell.cache_clear()
    for _ in range(2):
        engine = make_engines(name, settings)()
        shake(OpensslClient(), engine)
        assert engine.established
    (record,) = caplog.records
    assert str(log) in record.getMessage()
    assert not (tmp_path / "target").exists()


@VERIFYING
def test_a_chain_openssl_refuses(tls_settings: TlsSettings, name: str) -> None:
    """A chain that cannot be served is the operator's mistake, told in one line."""
    other = ec.generate_private_key(ec.SECP256R1())
    key = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    settings = TlsSettings(certificate_chain=tls_settings.certificate_chain, private_key=key)
    with pytest.raises(ConfigurationError, match="key values mismatch"):
        make_engines(name, settings)()


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("name", ["openssl", "tlslite"])
def test_staple(tls_settings: TlsSettings, authority: trustme.CA, version: int, name: str, *, asks: bool) -> None:
    """Who asks for a staple gets it octet for octet, who does not gets none."""
    staple = _response(authority, tls_settings)
    make = make_engines(name, replace(tls_settings, staple=staple))
    client = OpensslClient(version=version, asks=asks)
    shake(client, make())
    assert not client.error
    assert client.staples == ([staple] if asks else [])


def test_no_staple(tls_settings: TlsSettings) -> None:
    """Who asks where nothing is stapled gets nothing; the standard library, which cannot staple, does not pretend."""
    client = OpensslClient(asks=True)
    shake(client, make_engines("openssl", tls_settings)())
    assert client.staples == [b""]
    with pytest.raises(ConfigurationError, match="staples nothing"):
        make_engines("stdlib", replace(tls_settings, staple=b"x"))()


def _response(authority: trustme.CA, settings: TlsSettings) -> bytes:
    """Return a good OCSP response for the leaf."""
    issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    key = load_pem_private_key(authority.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=x509.load_pem_x509_certificates(settings.certificate_chain)[0],
        issuer=issuer,
        algorithm=hashes.SHA1(),  # noqa: S303 -- it names an issuer
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=now,
        next_update=now + timedelta(days=1),
        revocation_time=None,
        revocation_reason=None,
    )
    signed = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, issuer).sign(key, hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


def _identity(authority: trustme.CA) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    leaf = authority.issue_cert("alice@lab.test", key_type=trustme.KeyType.ECDSA)
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes()), key
