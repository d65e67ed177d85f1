"""What a reference client asks its driver to do, and how it stops."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Connect", "EndedError", "Receive", "RefusedError", "RejectedError", "Send", "StartTls", "Step"]


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a new connection, the old one is dropped; ``tls`` from the first octet."""

    tls: bool


@dataclass(frozen=True, slots=True)
class Send:
    """Send octets."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """Wait for octets: they are the value of the step, empty at the end or where patience ended."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """Shake hands; the driver raises :class:`RefusedError` in the client where that fails."""


Step = Connect | Send | Receive | StartTls


class RefusedError(Exception):
    """The client stops."""


class RejectedError(RefusedError):
    """The server did not want the credentials."""


class EndedError(RefusedError):
    """The server ended the connection, or said nothing for too long: one may try again."""
