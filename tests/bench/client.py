"""As little of a mail client as there can be."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from tests.patience import PATIENCE

if TYPE_CHECKING:
    import ssl

__all__ = ["Client"]

_READ = 1 << 18


class Client:
    """As little of a client as there can be, so that the server is what is measured."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        """Connect to a port of this machine, with implicit TLS if there is a context for it."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self._socket = context.wrap_socket(self._socket)
        self._tag = 0

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def line(self) -> bytes:
        """Read up to a line's end: the greeting."""
        return self._until(b"\r\n")

    def imap(self, command: str, behind: bytes = b"") -> None:
        """Send a command and read up to its OK."""
        self._tag += 1
        tag = f"t{self._tag}"
        self._socket.sendall(f"{tag} {command}\r\n".encode() + behind)
        end = b""
        start = tag.encode() + b" "
        while not (end.endswith(b"\r\n") and end.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2].startswith(start)):
            end = (end + self._some())[-1024:]
        if start + b"OK" not in end:
            raise RuntimeError(f"{command}: {end!r}")

    def pop3(self, command: str, end: bytes = b"\r\n") -> None:
        """Send a command and read up to the end of its answer."""
        self._socket.sendall(command.encode() + b"\r\n")
        answer = self._until(end)
        if not answer.startswith(b"+OK"):
            raise RuntimeError(f"{command}: {answer[:200]!r}")

    def smtp(self, command: bytes) -> None:
        """Send a command, or a message and its dot, and read the reply, which must not be an error."""
        self._socket.sendall(command)
        answer = self._some()
        while not answer.endswith(b"\r\n") or answer.rstrip(b"\r\n").rpartition(b"\n")[2][3:4] == b"-":
            answer += self._some()
        if not answer.startswith((b"2", b"3")):
            raise RuntimeError(f"{command[:200]!r}: {answer!r}")

    def _until(self, end: bytes) -> bytes:
        answer = self._some()
        while not answer.endswith(end):
            answer += self._some()
        return answer

    def _some(self) -> bytes:
        data = self._socket.recv(_READ)
        if not data:
            raise RuntimeError("the server closed the connection")
        return data
