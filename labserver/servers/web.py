"""HTTP for what is published: Twisted's parser, and nothing of a web site but the answers of :mod:`published`."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO

from twisted.internet.protocol import connectionDone
from twisted.web import http

from labserver.servers.published import Answer
from labserver.servers.request_target import path_of

if TYPE_CHECKING:
    from twisted.internet.interfaces import ITCPTransport
    from twisted.python.failure import Failure

    from labserver.servers.published import Published

__all__ = ["WebFactory"]

_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH = re.compile(rb"[0-9]{1,18}")
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

    def __init__(self, channel: _Channel, queued: object = False) -> None:  # noqa: FBT002 -- Twisted's
        super().__init__(channel, queued, parsePOSTFormSubmission=False)  # there are no forms here

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
        if answer.status is HTTPStatus.BAD_REQUEST:
            self.channel.persistent = False  # what follows it may be no request either
        self.setResponseCode(answer.status, answer.status.phrase.encode())
        headers = {b"content-type": answer.media_type, b"content-length": str(len(answer.body))}
        headers |= {b"allow": ", ".join(answer.allow)} if answer.allow else {}
        for name, value in headers.items():
            self.setHeader(name, value.encode())  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self.write(answer.body)  # type: ignore[no-untyped-call]  # Twisted has not typed it
        self.finish()  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def _answered(self, factory: WebFactory, body: bytes) -> Answer:
        hosts = [host.decode("latin-1") for host in self.requestHeaders.getRawHeaders(b"host", [])]
        path = path_of(self.uri.decode("latin-1"), hosts, http_1_0=self.clientproto == b"HTTP/1.0")
        if isinstance(path, HTTPStatus):
            return Answer(status=path)
        if self._size > _BODY:
            return Answer(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return factory.published.answer(self.method.decode("latin-1"), path, body)


class _Channel(http.HTTPChannel):
    """One connection."""

    requestFactory = _Request  # type: ignore[assignment]  # noqa: N815 -- Twisted's name; its own takes one argument more
    factory: WebFactory

    def connectionMade(self) -> None:  # noqa: N802 -- Twisted's name
        """Count it."""
        self.factory.open.add(self)
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802 -- Twisted's name
        """Count it no more."""
        self.factory.open.discard(self)
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def lineReceived(self, line: bytes) -> None:  # noqa: N802 -- Twisted's name
        """Take a line of a head; one that goes on from the line before is refused (RFC 9112 5.2)."""
        if line[:1] in {b" ", b"\t"}:
            self._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]  # Twisted has not typed it
        else:
            super().lineReceived(line)  # type: ignore[no-untyped-call]  # Twisted has not typed it

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802 -- Twisted's name
        """Take a field; one by which another server might find another end of the request is refused (RFC 9112 6)."""
        name, _, value = line.partition(b":")
        value = value.strip(b" \t")
        good = {
            b"transfer-encoding": self._version == b"HTTP/1.1" and value.lower() == b"chunked",
            b"content-length": _LENGTH.fullmatch(value) is not None,
        }.get(name.lower(), True)
        if not good or _CONTROL.search(value):
            self._respondToBadRequestAndDisconnect()  # type: ignore[no-untyped-call]  # Twisted has not typed it
            return False
        return bool(super().headerReceived(line))  # type: ignore[no-untyped-call]  # Twisted has not typed it

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
