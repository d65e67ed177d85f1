"""A raw client: octets over a socket, segment by segment, in clear and in TLS, and no opinion about them."""

from __future__ import annotations

import select
import socket
import ssl
import time
import warnings
from typing import TYPE_CHECKING

from labserver.services import ProtocolName
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from tests.scenarios.places import Place

__all__ = ["ASKING", "STARTING", "Wire", "client_hello", "lenient", "modern"]

ASKING = {
    ProtocolName.SMTP: b"EHLO client.example\r\n",
    ProtocolName.IMAP: b"a1 CAPABILITY\r\n",
    ProtocolName.POP3: b"CAPA\r\n",
}
"""What asks for capabilities."""
STARTING = {ProtocolName.SMTP: b"STARTTLS\r\n", ProtocolName.IMAP: b"a2 STARTTLS\r\n", ProtocolName.POP3: b"STLS\r\n"}
"""What asks for TLS."""


class Wire:
    """One connection, greeted unless it is one of implicit TLS."""

    def __init__(self, where: Place) -> None:
        self.where = where
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._pending = b""
        self.socket = socket.create_connection((where.host, where.port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.greeting = b"" if where.service.implicit_tls else self.line()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send one segment; inside TLS if it is up."""
        if self._tls is not None:
            self._tls.write(data)
            data = self._outgoing.read()
        self.socket.sendall(data)

    def segment(self) -> bytes:
        """Return what the network has next, as it is; nothing at the end."""
        return self.socket.recv(1 << 16)

    def silent(self, seconds: float) -> bool:
        """Return whether not one octet comes, nor an end, for so long."""
        return not select.select([self.socket], [], [], seconds)[0]

    def mute(self, seconds: float) -> bool:
        """Return whether nothing is said inside TLS for so long; OpenSSL's tickets (RFC 8446 4.6.1) say nothing."""
        assert self._tls is not None
        deadline = time.monotonic() + seconds
        while select.select([self.socket], [], [], max(0.0, deadline - time.monotonic()))[0]:
            self._incoming.write(self.segment())
            try:
                self._pending += self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                continue
            return False
        return not self._pending

    def line(self) -> bytes:
        """Return the next line of the dialogue; what is left of it at the end."""
        while b"\n" not in self._pending:
            more = self._decrypted()
            if not more:
                break
            self._pending += more
        line, end, self._pending = self._pending.partition(b"\n")
        return line + end

    def ask(self, command: bytes) -> bytes:
        """Send a command and return its whole answer."""
        self.send(command)
        return self.answer(command)

    def answer(self, command: bytes) -> bytes:
        """Return the whole answer to a command that was sent."""
        said = line = self.line()
        protocol = self.where.service.protocol
        listing = protocol is ProtocolName.POP3 and command.startswith(b"CAPA") and line.startswith(b"+OK")
        tag = command.split(b" ")[0] + b" "
        while line and (
            (protocol is ProtocolName.SMTP and line[3:4] == b"-")
            or (protocol is ProtocolName.IMAP and not line.startswith((tag, b"+ ")))
            or (listing and line != b".\r\n")
        ):
            line = self.line()
            said += line
        return said

    def capabilities(self) -> bytes:
        """Ask for capabilities."""
        return self.ask(ASKING[self.where.service.protocol])

    def begin(self) -> Self:
        """Get to where a ClientHello is expected."""
        if not self.where.service.implicit_tls:
            self.capabilities()
            answer = self.ask(STARTING[self.where.service.protocol])
            assert answer.startswith((b"220 ", b"a2 OK ", b"+OK")), answer
        return self

    def shake(self, context: ssl.SSLContext | None = None) -> Self:
        """Shake hands, verifying unless told otherwise; the server is ready for it."""
        context = context or modern(self.where)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=self.where.shown)
        shaking = True
        while shaking:
            try:
                tls.do_handshake()
                shaking = False
            except ssl.SSLWantReadError:
                self.socket.sendall(self._outgoing.read())
                self._incoming.write(self.segment())
        self.socket.sendall(self._outgoing.read())
        self._tls = tls
        return self

    def secured(self) -> Self:
        """Get into verified TLS in the service's own way, past the greeting there."""
        self.begin().shake()
        if self.where.service.implicit_tls:
            self.greeting = self.line()
        return self

    def certificate(self) -> bytes:
        """Return the certificate that was presented."""
        assert self._tls is not None
        return self._tls.getpeercert(binary_form=True) or b""

    def _decrypted(self) -> bytes:
        if self._tls is None:
            return self.segment()
        while True:
            try:
                return self._tls.read(1 << 16)
            except ssl.SSLWantReadError:
                data = self.segment()
                if not data:
                    return b""
                self._incoming.write(data)


def modern(where: Place) -> ssl.SSLContext:
    """Return a context that trusts what the place says is to be trusted, and takes TLS 1.2 and newer."""
    context = ssl.create_default_context(cafile=str(where.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves that to the system
    return context


def lenient(newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """Return a context that takes every version up to ``newest``, every suite, and any certificate or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is obsolete is why it is wanted
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = newest
    return context


def client_hello(context: ssl.SSLContext, name: str) -> bytes:
    """Return a ClientHello that asks for a name, or for none if it is empty."""
    outgoing = ssl.MemoryBIO()
    context.check_hostname = bool(name) and context.check_hostname
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name or None)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("nobody can have answered")
