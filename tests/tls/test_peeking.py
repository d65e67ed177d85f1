"""Claims about choosing the engine by the ClientHello: whoever is chosen, it is as if nobody else had been there."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from labserver.tls.engine import make_engines
from labserver.tls.peeking import PeekingEngine
from labserver.tls.stalled import StalledEngine
from labserver.tls.stdlib import StdlibEngine
from tests.tls.clients import NAME, OpensslClient, StdlibClient, shake

if TYPE_CHECKING:
    from labserver.tls.client_hello import ClientHello
    from labserver.tls.engine import TlsEngine, TlsSettings


class Chooser:
    """Chooses always the same engine, and remembers by what."""

    def __init__(self, engine: TlsEngine) -> None:
        self.engine = engine
        self.asked: list[ClientHello | None] = []

    def __call__(self, hello: ClientHello | None) -> TlsEngine:
        """Return the engine."""
        self.asked.append(hello)
        return self.engine


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_passes_through(size: int, engine: TlsEngine, authority: trustme.CA) -> None:
    """A client gets through, in segments of any size, is understood and answered, and both say goodbye."""
    choose = Chooser(engine)
    peeking: TlsEngine = PeekingEngine(choose)
    client = StdlibClient(ca=authority.cert_pem.bytes().decode())
    peeking.send(b"* OK ready\r\n")
    client.step()
    for octets in _cut(client.outgoing(), size):
        peeking.receive(octets)
        assert peeking.decrypted() == b""
    client.receive(peeking.outgoing())
    client.step()
    client.send(b"a NOOP\r\n")
    assert shake(client, peeking) == (b"* OK ready\r\n", b"a NOOP\r\n")
    (hello,) = choose.asked
    assert hello is not None
    assert hello.server_name == NAME
    assert peeking.established
    assert peeking.facts() == engine.facts()
    assert peeking.binding("tls-server-end-point") == engine.binding("tls-server-end-point")
    assert len(peeking.binding("tls-server-end-point") or b"") == 32
    peeking.shutdown()
    shake(client, peeking)
    assert client.closed


def test_goodbye(engine: TlsEngine) -> None:
    """The client's goodbye is heard through it."""
    peeking = PeekingEngine(Chooser(engine))
    client = OpensslClient()
    shake(client, peeking)
    client.shutdown()
    shake(client, peeking)
    assert peeking.peer_closed


def test_by_name(tls_settings: TlsSettings) -> None:
    """Two names on one port are two servers."""
    engines = {
        version: make_engines("openssl", replace(tls_settings, minimum=version, maximum=version))
        for version in ("TLSv1.2", "TLSv1.3")
    }

    def choose(hello: ClientHello | None) -> TlsEngine:
        assert hello is not None
        return engines["TLSv1.2" if hello.server_name == "old.lab.test" else "TLSv1.3"]()

    versions = []
    for name in ("old.lab.test", "new.lab.test"):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing, server_hostname=name)
        peeking = PeekingEngine(choose)
        for _ in range(2):
            with suppress(ssl.SSLWantReadError):
                client.do_handshake()
            peeking.receive(outgoing.read())
            peeking.decrypted()
            incoming.write(peeking.outgoing())
        versions.append(peeking.facts().version)
    assert versions == ["TLSv1.2", "TLSv1.3"]


def test_before_the_choice() -> None:
    """Before the ClientHello is whole nothing is said, decided or lost."""
    choose = Chooser(StalledEngine())
    peeking = PeekingEngine(choose)
    peeking.receive(b"\x16\x03\x01\x02\x00\x01")
    peeking.shutdown()
    assert peeking.decrypted() == peeking.outgoing() == b""
    assert (peeking.established, peeking.peer_closed, peeking.failure) == (False, False, None)
    assert (peeking.client_certificate, peeking.binding("tls-exporter")) == (None, None)
    assert (peeking.facts().version, peeking.facts().server_name) == ("", "")
    assert choose.asked == []


def test_not_tls(engine: TlsEngine) -> None:
    """What is no ClientHello is chosen for as well, and the chosen engine says what is wrong with it."""
    choose = Chooser(engine)
    peeking = PeekingEngine(choose)
    peeking.receive(b"EHLO there\r\n")
    peeking.decrypted()
    assert choose.asked == [None]
    assert peeking.failure is not None
    assert peeking.failure == engine.failure


def test_stalled() -> None:
    """A name may be answered by silence."""
    peeking = PeekingEngine(Chooser(StalledEngine()))
    client = OpensslClient()
    assert shake(client, peeking) == (b"", b"")
    assert not peeking.established
    assert client.error == ""


def test_client_certificate(tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A client's certificate is seen through it."""
    leaf = authority.issue_cert("client@lab.test", key_type=trustme.KeyType.ECDSA)
    certificate = x509.load_pem_x509_certificate(leaf.cert_chain_pems[0].bytes())
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    peeking = PeekingEngine(Chooser(make_engines("openssl", tls_settings)()))
    shake(OpensslClient(identity=(certificate, key)), peeking)
    assert peeking.client_certificate == certificate.public_bytes(Encoding.DER)


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_answered(engine: TlsEngine) -> None:
    """Who waits for the server's certificate to be sent is told with the first answer, once."""
    told: list[str] = []
    peeking: TlsEngine = PeekingEngine(lambda _: engine, lambda: told.append("answered"))
    client = StdlibClient(ca=None)
    client.step()
    peeking.receive(client.outgoing())
    assert told == []
    shake(client, peeking)
    assert peeking.established
    assert told == ["answered"]


def test_asked_again(tls_settings: TlsSettings, authority: trustme.CA) -> None:
    """A request for another ClientHello brings no certificate; the answer to that one does."""
    told: list[str] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ecdh_curve("secp384r1")  # which clients know, but send no key share for
    authority.issue_cert(NAME).configure_cert(context)
    engine = StdlibEngine(context, tls_settings, WeakKeyDictionary())
    peeking: TlsEngine = PeekingEngine(lambda _: engine, lambda: told.append("answered"))
    client = StdlibClient(ca=None)
    for expected in ([], ["answered"]):
        client.step()
        peeking.receive(client.outgoing())
        peeking.decrypted()
        client.receive(peeking.outgoing())
        assert told == expected
    shake(client, peeking)
    assert peeking.established


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_in_common(newest: ssl.TLSVersion, tls_settings: TlsSettings) -> None:
    """A client with which there is no way to speak gets an alert, and no certificate."""
    told: list[str] = []
    engine = make_engines("stdlib", replace(tls_settings, maximum="TLSv1.2"))()
    peeking: TlsEngine = PeekingEngine(lambda _: engine, lambda: told.append("answered"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.maximum_version = newest
    context.set_ciphers("DHE")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_hostname=NAME).do_handshake()
    peeking.receive(outgoing.read())
    peeking.decrypted()
    assert peeking.outgoing()[:1] == b"\x15"
    assert peeking.failure is not None
    assert told == []
