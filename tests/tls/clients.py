"""TLS clients in memory, of three libraries behind one interface, and the octets between them and an engine."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from tlslite.errors import TLSError
from tlslite.handshakesettings import ALL_CIPHER_NAMES, ALL_MAC_NAMES, ALL_RSA_SIGNATURE_HASHES, HandshakeSettings
from tlslite.tlsconnection import TLSConnection

from labserver.tls.tlslite_connection import Memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

    from labserver.tls.engine import TlsEngine

NAME = "mail.lab.test"


class Client(Protocol):
    """A client's side of TLS."""

    closed: bool
    """The server sent close_notify."""
    error: str

    def step(self) -> bytes:
        """Shake hands, or read; return what was decrypted."""

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""

    def send(self, data: bytes) -> None:
        """Encrypt."""

    def outgoing(self) -> bytes:
        """Return octets for the network."""

    def shutdown(self) -> None:
        """Say close_notify."""

    def certificate(self) -> bytes:
        """Return the server's certificate."""


class StdlibClient:
    """The standard library's."""

    def __init__(
        self,
        *,
        ca: str | None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        ciphers: str = "",
        protocols: tuple[str, ...] = (),
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ciphers:
            context.set_ciphers(ciphers)
        if protocols:
            context.set_alpn_protocols(protocols)
        if ca is None:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context.load_verify_locations(cadata=ca)
        context.minimum_version = context.maximum_version = version
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=NAME)
        self.closed, self.error, self._established = False, "", False

    def step(self) -> bytes:
        """Shake hands, or read."""
        data = bytearray()
        try:
            if not self._established:
                self.tls.do_handshake()
                self._established = True
            while record := self.tls.read(1 << 16):
                data += record
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.error = self.error or str(error)
        return bytes(data)

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        self._incoming.write(data)

    def send(self, data: bytes) -> None:
        """Encrypt."""
        self.tls.write(data)

    def outgoing(self) -> bytes:
        """Return octets for the network."""
        return self._outgoing.read()

    def shutdown(self) -> None:
        """Say close_notify."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            return

    def certificate(self) -> bytes:
        """Return the server's certificate."""
        return self.tls.getpeercert(binary_form=True) or b""


class OpensslClient:
    """pyOpenSSL's."""

    def __init__(
        self,
        *,
        version: int = SSL.TLS1_3_VERSION,
        identity: tuple[x509.Certificate, EllipticCurvePrivateKey] | None = None,
        asks: bool = False,
    ) -> None:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.staples: list[bytes] = []
        """What was stapled, if it asks for that."""

        def keep(_connection: SSL.Connection, staple: bytes, _data: object) -> bool:
            self.staples.append(staple)
            return True

        if asks:
            context.set_ocsp_client_callback(keep)
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")  # so that even the old versions are really spoken
        if identity is not None:
            context.use_certificate(identity[0])
            context.use_privatekey(identity[1])
        self.tls = SSL.Connection(context, None)
        self.tls.set_tlsext_host_name(NAME.encode())
        self.tls.set_connect_state()
        if asks:
            self.tls.request_ocsp()
        self.closed, self.error, self._established = False, "", False

    def step(self) -> bytes:
        """Shake hands, or read."""
        data = bytearray()
        try:
            if not self._established:
                self.tls.do_handshake()
                self._established = True
            while True:
                data += self.tls.recv(1 << 16)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.closed = True
        except SSL.Error as error:
            self.error = self.error or str(error)
        return bytes(data)

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        while data:
            data = data[self.tls.bio_write(data) :]

    def send(self, data: bytes) -> None:
        """Encrypt."""
        self.tls.sendall(data)

    def outgoing(self) -> bytes:
        """Return octets for the network."""
        data = bytearray()
        try:
            while True:
                data += self.tls.bio_read(1 << 16)
        except SSL.WantReadError:
            return bytes(data)

    def shutdown(self) -> None:
        """Say close_notify."""
        self.tls.shutdown()

    def certificate(self) -> bytes:
        """Return the server's certificate."""
        certificate = self.tls.get_peer_certificate(as_cryptography=True)
        assert certificate is not None
        return certificate.public_bytes(Encoding.DER)


class TlsliteClient:
    """tlslite-ng's, which still takes what others have given up; it verifies nothing."""

    def __init__(
        self, *, versions: tuple[int, int] = (3, 4), anonymous: bool = False, limits: Mapping[str, object] | None = None
    ) -> None:
        """``versions``: minor numbers of the oldest and the newest, 0 for SSL 3.0; ``limits`` are tlslite-ng's."""
        settings = HandshakeSettings()
        settings.minVersion, settings.maxVersion = ((3, minor) for minor in versions)
        settings.versions = [(3, minor) for minor in range(4, -1, -1) if versions[0] <= minor <= versions[1]]
        settings.cipherNames, settings.macNames = list(ALL_CIPHER_NAMES), list(ALL_MAC_NAMES)
        settings.rsaSigHashes, settings.minKeySize = list(ALL_RSA_SIGNATURE_HASHES), 512
        for name, value in (limits or {}).items():
            setattr(settings, name, value)
        self._memory = Memory()
        self.tls = TLSConnection(self._memory)
        self.tls.closeSocket = False
        shake = self.tls.handshakeClientAnonymous if anonymous else self.tls.handshakeClientCert
        self._handshake = shake(settings=settings, async_=True, serverName=NAME)
        self._reading: Iterator[object] | None = None
        self.closed, self.error, self._established = False, "", False

    def step(self) -> bytes:
        """Shake hands, or read."""
        data = bytearray()
        try:
            if not self._established:
                if any(step == 0 for step in self._handshake):
                    return b""
                self._established = True
            while not self.tls.closed:
                self._reading = self._reading or self.tls.readAsync(1 << 16)
                step = next(self._reading)
                if not isinstance(step, bytes):
                    return bytes(data)
                self._reading = None
                data += step
            self.closed = True
        except TLSError as error:
            self.error = self.error or str(error)
        return bytes(data)

    def receive(self, data: bytes) -> None:
        """Take octets from the network."""
        self._memory.incoming += data

    def send(self, data: bytes) -> None:
        """Encrypt."""
        self.tls.write(data)

    def outgoing(self) -> bytes:
        """Return octets for the network."""
        data = bytes(self._memory.outgoing)
        self._memory.outgoing.clear()
        return data

    def shutdown(self) -> None:
        """Say close_notify."""
        for _ in self.tls.closeAsync():
            return

    def certificate(self) -> bytes:
        """Return the server's certificate."""
        return bytes(self.tls.session.serverCertChain.x509List[0].bytes)


def shake(client: Client, engine: TlsEngine) -> tuple[bytes, bytes]:
    """Carry octets until both sides are silent; return what the client and what the engine decrypted."""
    heard, decrypted = [], []
    while True:
        heard.append(client.step())
        sent = client.outgoing()
        engine.receive(sent)
        decrypted.append(engine.decrypted())
        answered = engine.outgoing()
        client.receive(answered)
        if not sent and not answered:
            heard.append(client.step())
            return b"".join(heard), b"".join(decrypted)
