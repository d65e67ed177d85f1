"""HTTP for what is published: Twisted's parser, and nothing of a web site but the answers of :mod:`published`."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO

from twisted.internet.protocol import connectionDone
from twisted.web import http

from labserver.servers.published import Answer

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITCPTransport
    from twisted.python.failure import Failure

    from labserver.servers.published import Published

__all__ = ["WebFactory"]

_HOSTS = frozenset(("127.0.0.1", "localhost"))
"""What a Host field may say, lest the page of a site whose name leads here reads what is here."""
_BODY = 8_192
"""Octets of a request's body; an OCSP request has a few hundred. What is longer is answered with 413."""
_READ_AWAY = 1 << 20
"""Octets of a body that is too long; what goes on after that is not waited for, the connection ends."""
_TIME = 30
"""Seconds of silence until a connection is dropped."""


class _Request(http.Request):
    """One request, answered when it is whole."""

    channel: _Channel
    content: BinaryIO
    _size = 0

    def gotLength(self, length: int | None) -> None:  # noqa: N802 -- Twisted's name
        """Take the length that is announced, None for a body in chunks: what is too long is not kept."""
        super().gotLength(min(length or 0, _BODY))  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802 -- Twisted's name
        """Keep a piece of the body, unless it has got too long."""
        self._size += len(data)
        if self._size > _READ_AWAY:
            self.channel.drop()
        elif self._size <= _BODY:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def process(self) -> None:
        """Answer."""
        answer = self._answered(self.channel.factory, self.content.read())
        self.setResponseCode(answer.status, answer.status.phrase.encode())
        headers = {b"content-type": answer.media_type, b"content-length": str(len(answer.body))}
        headers |= {b"allow": ", ".join(answer.allow)} if answer.allow else {}
        for name, value in headers.items():
            self.setHeader(name, value.encode())  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self.write(answer.body)  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self.finish()  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def _answered(self, factory: WebFactory, body: bytes) -> Answer:
        host = self.getHeader("host")  # OpenSSL leaves the port out, and HTTP/1.0 all of it
        if host is not None and host.lower().partition(":")[0] not in _HOSTS:
            return Answer(status=HTTPStatus.MISDIRECTED_REQUEST)
        if self._size > _BODY:
            return Answer(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return factory.published.answer(self.method.decode("latin-1"), self.uri.decode("latin-1"), body)


class _Channel(http.HTTPChannel):
    """One connection."""

    requestFactory = _Request  # noqa: N815 -- Twisted's name
    factory: WebFactory

    def connectionMade(self) -> None:  # noqa: N802 -- Twisted's name
        """Count it."""
        self.factory.open.add(self)
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 -- Twisted's name
        """Count it no more."""
        self.factory.open.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def drop(self) -> None:
        """End it at once."""
        transport: ITCPTransport = self.transport  # type: ignore[assignment]  # Twisted types it as ITransport
        transport.abortConnection()


class WebFactory(http.HTTPFactory):
    """Builds connections, a limited number at once; nothing is logged."""

    protocol = _Channel  # type: ignore[assignment]  # Twisted's default is a wrapper that also speaks HTTP/2

    def __init__(self, published: Published, *, connections: int) -> None:
        super().__init__(timeout=_TIME)
        self.published = published
        self.open: set[_Channel] = set()
        self._connections = connections

    @property
    def full(self) -> bool:
        """One more connection would be too many."""
        return len(self.open) >= self._connections

    def drop(self) -> None:
        """Drop every connection."""
        for channel in tuple(self.open):
            channel.drop()
