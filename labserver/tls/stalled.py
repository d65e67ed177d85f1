"""An engine that takes everything and never answers: the handshake that does not begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.events import TlsFacts

if TYPE_CHECKING:
    from labserver.tls.engine import TlsFailure

__all__ = ["StalledEngine"]


class StalledEngine:
    """One connection's TLS that stays where it is (a :class:`labserver.tls.engine.TlsEngine`); it keeps nothing."""

    established: bool = False
    peer_closed: bool = False
    failure: TlsFailure | None = None
    client_certificate: bytes | None = None

    def receive(self, data: bytes) -> None:
        """Swallow."""

    def decrypted(self) -> bytes:
        """Return nothing."""
        return b""

    def send(self, data: bytes) -> None:
        """Drop: there will be no TLS to send it in."""

    def outgoing(self) -> bytes:
        """Return nothing."""
        return b""

    def shutdown(self) -> None:
        """Say nothing, not even goodbye."""

    def facts(self) -> TlsFacts:
        """Return that nothing was agreed on."""
        return TlsFacts(version="", cipher="", engine="stalled")

    def binding(self, kind: str) -> None:
        """Return that there is none."""
