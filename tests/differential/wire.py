"""An IMAP connection that adds nothing: what a playbook says goes out, complete answers come back as raw lines."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.differential.playbook import Literal
from tests.patience import PATIENCE

if TYPE_CHECKING:
    import ssl
    from collections.abc import Sequence

__all__ = ["CLOSED", "Connection", "Server"]

CLOSED = b"-- closed by the server"
"""Stands among the answers where the server ended the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One of the two that are compared."""

    port: int
    context: ssl.SSLContext | None = None
    """For implicit TLS; None for clear text."""

    def connect(self) -> Connection:
        """Open a connection and read the greeting."""
        plain = socket.create_connection(("localhost", self.port), timeout=PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected = self.context.wrap_socket(plain, server_hostname="localhost") if self.context else plain
        return Connection(connected)


class Connection:
    """One session with a server; its tags are counted, so that they are the same on both servers."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._stream = connected.makefile("rb")
        self._commands = 0
        self._sent = b""
        self.greeting = self._response()

    def close(self) -> None:
        """End the connection without a word."""
        self._stream.close()
        self._socket.close()

    def command(self, parts: Sequence[bytes | Literal]) -> list[bytes]:
        """Send one command and return its answer, up to the tagged line, a ``+`` that ends nothing, or the end.

        A synchronising literal is sent only after its ``+``; if the server refuses it instead, the rest stays unsent.
        """
        self._commands += 1
        tag = f"t{self._commands}".encode()
        out, answer = tag + b" ", []
        for part in parts:
            if isinstance(part, Literal):
                out += part.announcement
                if part.synchronising:
                    self._send(out)
                    answer += self._answer()
                    if not answer[-1].startswith(b"+"):
                        return answer
                    del answer[-1]
                    out = b""
                out += part.octets
            else:
                out += part
        self._send(out + b"\r\n")
        return answer + self._answer()

    def line(self, octets: bytes) -> list[bytes]:
        """Send a line without a tag of this client (``DONE``, a SASL response) and return what it brings."""
        self._send(octets + b"\r\n")
        return self._answer()

    def _send(self, octets: bytes) -> None:
        self._sent = octets
        try:
            self._socket.sendall(octets)
        except OSError:
            return  # the reader will tell that the server is gone

    def _answer(self) -> list[bytes]:
        """Read up to the first response that is not untagged data; ``* BAD`` answers a line without a tag."""
        answer = [self._response()]
        while answer[-1].startswith(b"* ") and not answer[-1].startswith(b"* BAD"):
            answer.append(self._response())
        return answer

    def _response(self) -> bytes:
        """Read one response with its literals."""
        response = b""
        try:
            while line := self._stream.readline():
                response += line
                literal = re.search(rb"\{(\d+)\}\r\n\Z", line)
                if not literal:
                    return response.removesuffix(b"\r\n")
                response += self._stream.read(int(literal[1]))
        except TimeoutError:
            raise AssertionError(f"no answer within {PATIENCE:.0f} s to {self._sent!r}, only {response!r}") from None
        except OSError:
            return CLOSED
        return CLOSED
