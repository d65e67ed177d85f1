"""An engine that reads the ClientHello first and then lets somebody choose the engine that answers it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from labserver.events import TlsFacts
from labserver.tls.client_hello import ClientHello, ClientHelloReader, Unread

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.tls.engine import TlsEngine, TlsFailure

__all__ = ["PeekingEngine"]

_HANDSHAKE = 22
_RECORD_HEADER = 5
_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()
"""The random of a ServerHello that only asks for another ClientHello (RFC 8446 4.1.3)."""


class PeekingEngine:
    """One connection's TLS (a :class:`labserver.tls.engine.TlsEngine`): nobody's until its ClientHello is whole.

    ``choose`` is called once, with None when what came is no ClientHello: the engine that it returns answers that as
    well. It gets every octet from the first on, so it is as if the choice had been made before the connection.

    ``answered`` is called once, before the first ServerHello goes out, and with it the server's certificate: a server
    that has no version, suite or signature algorithm in common with the client never gets there. It is called,
    too, when the engine refuses to answer because that is what it is there for.
    """

    def __init__(
        self, choose: Callable[[ClientHello | None], TlsEngine], answered: Callable[[], None] | None = None
    ) -> None:
        self._choose = choose
        self._answered = answered
        self._reader = ClientHelloReader()
        self._received: list[bytes] = []
        self._unsent: list[bytes] = []
        self._chosen: TlsEngine | None = None

    @property
    def established(self) -> bool:
        """The handshake has finished on this side."""
        return self._chosen is not None and self._chosen.established

    @property
    def peer_closed(self) -> bool:
        """The client sent close_notify."""
        return self._chosen is not None and self._chosen.peer_closed

    @property
    def failure(self) -> TlsFailure | None:
        """Set once TLS is broken."""
        return None if self._chosen is None else self._chosen.failure

    @property
    def client_certificate(self) -> bytes | None:
        """The client's verified certificate (DER), None if it sent none."""
        return None if self._chosen is None else self._chosen.client_certificate

    def receive(self, data: bytes) -> None:
        """Take octets from the network; those that complete the ClientHello make the choice."""
        if self._chosen is not None:
            self._chosen.receive(data)
            return
        self._received.append(data)
        match self._reader.receive(data):
            case Unread.INCOMPLETE:
                return
            case Unread.NOT_TLS:
                self._begin(self._choose(None))
            case ClientHello() as hello:
                self._begin(self._choose(hello))

    def decrypted(self) -> bytes:
        """Drive the handshake and return what was decrypted."""
        return b"" if self._chosen is None else self._chosen.decrypted()

    def send(self, data: bytes) -> None:
        """Encrypt; before the handshake has finished, keep until then."""
        if self._chosen is None:
            self._unsent.append(data)
        else:
            self._chosen.send(data)

    def outgoing(self) -> bytes:
        """Return the octets for the network: none before the choice."""
        if self._chosen is None:
            return b""
        data = self._chosen.outgoing()
        if self._answered is not None and self._goes_on(data, self._chosen.failure):
            self._answered()
            self._answered = None
        return data

    def shutdown(self) -> None:
        """Queue close_notify; before the choice there is nothing to close."""
        if self._chosen is not None:
            self._chosen.shutdown()

    def facts(self) -> TlsFacts:
        """Return what the handshake agreed on."""
        return TlsFacts(version="", cipher="") if self._chosen is None else self._chosen.facts()

    def binding(self, kind: str) -> bytes | None:
        """Return the channel binding of that IANA name, None if there is none."""
        return None if self._chosen is None else self._chosen.binding(kind)

    @staticmethod
    def _goes_on(data: bytes, failure: TlsFailure | None) -> bool:
        """Whether the server has answered, or refused to because it is there to refuse."""
        return _has_server_hello(data) if failure is None else failure.intended

    def _begin(self, engine: TlsEngine) -> None:
        self._chosen = engine
        engine.receive(b"".join(self._received))
        for data in self._unsent:
            engine.send(data)
        self._received.clear()
        self._unsent.clear()


def _has_server_hello(data: bytes) -> bool:
    """Whether the first handshake record among these is an answer, and no request to ask again."""
    while data and data[0] != _HANDSHAKE:
        data = data[_RECORD_HEADER + int.from_bytes(data[3:_RECORD_HEADER]) :]
    return bool(data) and _RETRY not in data
