"""An engine for what this lab cannot serve: the handshake fails at once, and the reason is on record."""

from __future__ import annotations

from labserver.events import TlsFacts
from labserver.tls.engine import TlsFailure

__all__ = ["FailedEngine"]

_INTERNAL_ERROR = b"\x15\x03\x03\x00\x02\x02\x50"
"""A fatal internal_error alert (RFC 8446 6.2): the fault is neither the client's nor the scenario's."""


class FailedEngine:
    """One connection's TLS that is over before it begins (a :class:`labserver.tls.engine.TlsEngine`)."""

    established: bool = False
    peer_closed: bool = False
    client_certificate: bytes | None = None

    def __init__(self, reason: str) -> None:
        self.failure: TlsFailure | None = TlsFailure(reason=reason)
        self._unsent = _INTERNAL_ERROR

    def receive(self, data: bytes) -> None:
        """Swallow."""

    def decrypted(self) -> bytes:
        """Return nothing."""
        return b""

    def send(self, data: bytes) -> None:
        """Drop: there will be no TLS to send it in."""

    def outgoing(self) -> bytes:
        """Return the alert, once."""
        unsent, self._unsent = self._unsent, b""
        return unsent

    def shutdown(self) -> None:
        """Add nothing to the alert."""

    def facts(self) -> TlsFacts:
        """Return that nothing was agreed on."""
        return TlsFacts(version="", cipher="", engine="failed")

    def binding(self, kind: str) -> None:
        """Return that there is none."""
