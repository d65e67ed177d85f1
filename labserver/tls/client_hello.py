"""The ClientHello read from raw records, before any engine sees it (RFC 8446 4.1.2, 5.1; RFC 5246 7.4.1.2).

The reader takes octets as they come, a handshake message may be spread over records and records over TCP segments. It
judges nothing: what is malformed inside an extension counts as absent, and the engine behind says what is wrong.
Values that exist to keep implementations honest (GREASE, RFC 8701) are left out of every list.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["EXTENSIONS", "LIMIT", "ClientHello", "ClientHelloReader", "Unread", "parse_client_hello"]

LIMIT = 1 << 17
"""Octets on the wire after which no ClientHello is expected any more (OpenSSL's own limit is 131,396)."""

EXTENSIONS = {"status_request": 5, "server_certificate_type": 20, "delegated_credential": 34}
"""Extensions by which a client asks for something, by their names (RFC 6066 8, RFC 7250 3, RFC 9345 4.1.1)."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_MAJOR = 3
_RECORD_HEADER = 5
_MESSAGE_HEADER = 4
_PLAINTEXT = 1 << 14
"""The longest a record may be (RFC 8446 5.1)."""
_RANDOM = 32

_SERVER_NAME = 0
_SUPPORTED_GROUPS = 10
_SIGNATURE_ALGORITHMS = 13
_ALPN = 16
_SERVER_CERTIFICATE_TYPE = 20
_COMPRESS_CERTIFICATE = 27
_SUPPORTED_VERSIONS = 43
_HOST_NAME = 0

_GREASE = frozenset(range(0x0A0A, 0x10000, 0x1010))
"""0x0A0A, 0x1A1A … 0xFAFA (RFC 8701 2)."""
_GREASE_PROTOCOLS = frozenset(number.to_bytes(2) for number in _GREASE)

_T = TypeVar("_T")


class Unread(Enum):
    """Why there is no ClientHello."""

    INCOMPLETE = "more is needed"
    NOT_TLS = "no ClientHello can come of this"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """What a client asks for; numbers are IANA's."""

    versions: tuple[int, ...]
    """As listed; from a client that lists none (before TLS 1.3) its newest alone: 0x0303 is TLS 1.2."""
    ciphers: tuple[int, ...]
    server_name: str = ""
    """As sent, ASCII; empty if none."""
    groups: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    """The schemes in which the server may sign: 0x0403 is ECDSA with P-256 and SHA-256 (RFC 8446 4.2.3)."""
    compressions: tuple[int, ...] = ()
    """How certificates may be compressed: 1 is zlib (RFC 8879 3)."""
    certificate_types: tuple[int, ...] = ()
    """What may stand in place of a certificate: 2 is a raw public key (RFC 7250 3); empty for nothing else."""
    protocols: tuple[str, ...] = ()
    """ALPN."""
    session_id: bytes = b""
    """Of a session to be resumed, or invented for middleboxes (RFC 8446 D.4)."""
    extensions: tuple[int, ...] = ()
    """The types, in their order."""
    grease: bool = False
    """It holds GREASE somewhere in these lists."""

    def asks(self, extension: str) -> bool:
        """Return whether it has the extension of that IANA name, of those in :data:`EXTENSIONS`."""
        return EXTENSIONS[extension] in self.extensions


class ClientHelloReader:
    """One connection's octets up to the end of its ClientHello."""

    def __init__(self) -> None:
        self._size = 0
        self._records = bytearray()
        self._message = bytearray()
        self._result: ClientHello | Unread = Unread.INCOMPLETE

    def receive(self, data: bytes) -> ClientHello | Unread:
        """Take octets from the network; return the ClientHello once it is whole, and the same ever after."""
        if self._result is Unread.INCOMPLETE:
            self._size += len(data)
            self._records += data
            self._result = self._read()
            if self._result is Unread.INCOMPLETE and self._size > LIMIT:
                self._result = Unread.NOT_TLS
        return self._result

    def _read(self) -> ClientHello | Unread:
        """Move whole records into the message until that is whole; what follows it is the engine's business."""
        start = 0
        while _begins_record(header := self._records[start : start + _RECORD_HEADER]):
            length = int.from_bytes(header[3:])
            end = start + _RECORD_HEADER + length
            if len(header) < _RECORD_HEADER or (length <= _PLAINTEXT and end > len(self._records)):
                del self._records[:start]
                return Unread.INCOMPLETE
            if length > _PLAINTEXT:
                break
            self._message += self._records[start + _RECORD_HEADER : end]
            start = end
            if self._message and self._message[0] != _CLIENT_HELLO:
                break
            if self._whole():
                return parse_client_hello(bytes(self._message)) or Unread.NOT_TLS
        return Unread.NOT_TLS

    def _whole(self) -> bool:
        length = int.from_bytes(self._message[1:_MESSAGE_HEADER])
        return len(self._message) >= _MESSAGE_HEADER and len(self._message) >= _MESSAGE_HEADER + length


def parse_client_hello(message: bytes) -> ClientHello | None:
    """Return what a handshake message says, its header included; None if it is no ClientHello or ends too early."""
    octets = _Octets(message)
    try:
        if octets.number(1) != _CLIENT_HELLO:
            return None
        body = _Octets(octets.vector(3))
        legacy_version = body.number(2)
        body.take(_RANDOM)
        session_id = body.vector(1)
        ciphers = _numbers(body.vector(2))
        body.vector(1)  # compression methods
        extensions = _extensions(body.vector(2)) if body else {}
    except _EndedError:
        return None
    versions = _inside(extensions.get(_SUPPORTED_VERSIONS), lambda inner: _numbers(inner.vector(1)))
    groups = _inside(extensions.get(_SUPPORTED_GROUPS), lambda inner: _numbers(inner.vector(2)))
    signatures = _inside(extensions.get(_SIGNATURE_ALGORITHMS), lambda inner: _numbers(inner.vector(2)))
    compressions = _inside(extensions.get(_COMPRESS_CERTIFICATE), lambda inner: _numbers(inner.vector(1)))
    kinds = _inside(extensions.get(_SERVER_CERTIFICATE_TYPE), lambda inner: tuple(inner.vector(1)))
    protocols = _inside(extensions.get(_ALPN), lambda inner: _vectors(inner.vector(2)))
    return ClientHello(
        versions=_honest(versions or (legacy_version,)),
        ciphers=_honest(ciphers),
        server_name=(_inside(extensions.get(_SERVER_NAME), _host_names) or (b"",))[0].decode("ascii", "replace"),
        groups=_honest(groups),
        signatures=_honest(signatures),
        compressions=_honest(compressions),
        certificate_types=kinds,
        protocols=tuple(
            name.decode("ascii", "backslashreplace") for name in protocols if name not in _GREASE_PROTOCOLS
        ),
        session_id=session_id,
        extensions=_honest(tuple(extensions)),
        grease=not _GREASE.isdisjoint((*versions, *ciphers, *groups, *extensions)),
    )


class _EndedError(Exception):
    """The octets end before what they announce."""


class _Octets:
    """Octets read from front to back."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        taken = self._data[self._at : self._at + size]
        if len(taken) < size:
            raise _EndedError
        self._at += size
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def vector(self, width: int) -> bytes:
        """Take octets behind a length of ``width`` octets (RFC 8446 3.4)."""
        return self.take(self.number(width))


def _numbers(data: bytes) -> tuple[int, ...]:
    if len(data) % 2:
        raise _EndedError
    return struct.unpack(f">{len(data) // 2}H", data)


def _vectors(data: bytes) -> tuple[bytes, ...]:
    octets, vectors = _Octets(data), []
    while octets:
        vectors.append(octets.vector(1))
    return tuple(vectors)


def _extensions(data: bytes) -> dict[int, bytes]:
    octets, extensions = _Octets(data), {}
    while octets:
        number = octets.number(2)
        extensions[number] = octets.vector(2)
    return extensions


def _host_names(inner: _Octets) -> tuple[bytes, ...]:
    """Return the host names of a server name list (RFC 6066 3)."""
    octets, names = _Octets(inner.vector(2)), []
    while octets:
        kind, name = octets.number(1), octets.vector(2)
        if kind == _HOST_NAME:
            names.append(name)
    return tuple(names)


def _inside(extension: bytes | None, read: Callable[[_Octets], tuple[_T, ...]]) -> tuple[_T, ...]:
    """Return what is read from an extension's data: nothing from one that is absent or malformed."""
    if extension is None:
        return ()
    try:
        return read(_Octets(extension))
    except _EndedError:
        return ()


def _begins_record(header: bytes | bytearray) -> bool:
    """Tell whether octets, perhaps too few of them, begin a handshake record."""
    return bytes((_HANDSHAKE, _MAJOR)).startswith(bytes(header[:2]))


def _honest(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(number for number in numbers if number not in _GREASE)
