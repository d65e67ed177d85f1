"""ClientHellos for tests: written from their parts, and taken from libraries in memory."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass

__all__ = ["Parts", "of_ssl", "records"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a ClientHello is written from."""

    version: int = 0x0303
    session_id: bytes = b""
    ciphers: tuple[int, ...] = (0x1301, 0xC02B)
    extensions: tuple[tuple[int, bytes], ...] | None = ()
    """None writes a ClientHello that ends before them, as clients did before TLS 1.2."""

    def message(self) -> bytes:
        """Return the handshake message."""
        body = self.version.to_bytes(2) + bytes(range(32)) + vector(1, self.session_id)
        body += vector(2, numbers(self.ciphers)) + vector(1, b"\0")
        if self.extensions is not None:
            body += vector(2, b"".join(kind.to_bytes(2) + vector(2, data) for kind, data in self.extensions))
        return b"\x01" + vector(3, body)


def vector(width: int, data: bytes) -> bytes:
    """Return octets behind their length."""
    return len(data).to_bytes(width) + data


def numbers(values: tuple[int, ...]) -> bytes:
    """Return 16-bit numbers."""
    return b"".join(value.to_bytes(2) for value in values)


def records(message: bytes, *sizes: int) -> bytes:
    """Return a handshake message in records of these sizes, then one with the rest."""
    out = b""
    for size in sizes:
        out += b"\x16\x03\x01" + vector(2, message[:size])
        message = message[size:]
    return out + (b"\x16\x03\x01" + vector(2, message) if message else b"")


def of_ssl(name: str, *, protocols: tuple[str, ...] = (), newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """Return what the standard library's client says first."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves that to the system
    context.maximum_version = newest
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()
