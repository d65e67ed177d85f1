"""What the transcript is told of one connection's octets, TLS and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver import events
from labserver.tls.records import Records

if TYPE_CHECKING:
    from labserver.session.transcript import SessionRecord
    from labserver.tls.engine import TlsEngine

__all__ = ["WireNotes"]


class WireNotes:
    """Takes note of what crosses the network."""

    __slots__ = ("_closed_in_order", "_ended_by", "_reason", "_received", "_record", "_records", "_sent")

    def __init__(self, record: SessionRecord) -> None:
        self._record = record
        self._records: Records | None = None
        """None where no TLS is due."""
        self._received = 0
        self._sent = 0
        self._ended_by = ""
        self._reason = ""
        self._closed_in_order = False

    def received(self, data: bytes, at: float) -> None:
        """Take note of octets; where TLS is due, those that are none are in clear all the same."""
        self._received += len(data)
        encrypted = 0 if self._records is None else self._records.take(data)
        if self._record.raw_full and self._record.passes_over(len(data)):
            return
        if encrypted:
            part = data[:encrypted]
            self._record.observe(events.RawReceived(at=at, data=part, size=encrypted, encrypted=True))
            data = data[encrypted:]
        if data:
            self._record.observe(events.RawReceived(at=at, data=data, size=len(data), encrypted=False))

    def sent(self, data: bytes) -> None:
        """Take note of octets that leave."""
        self._sent += len(data)
        record = self._record
        if not (record.raw_full and record.passes_over(len(data))):
            encrypted = self._records is not None
            record.observe(events.RawSent(at=record.elapsed(), data=data, size=len(data), encrypted=encrypted))

    def tls_started(self) -> None:
        """Take note that TLS is due from here on."""
        self._records = Records()
        self._record.observe(events.TlsStarted(at=self._record.elapsed()))

    def tls_failed(self, engine: TlsEngine) -> None:
        """Take note of an engine's failure."""
        if engine.failure is not None:
            self._record.observe(
                events.TlsFailed(
                    at=self._record.elapsed(),
                    reason=engine.failure.reason,
                    alert=engine.failure.alert,
                    during_handshake=not engine.established,
                )
            )

    def ending(self, by: str, reason: str) -> None:
        """Take note of who ends the connection, and why."""
        self._ended_by, self._reason = by, reason

    def closed_in_order(self) -> None:
        """Take note that close_notify was said."""
        self._closed_in_order = True

    def disconnected(self, engine: TlsEngine | None, reason: str) -> None:
        """Take note of the end; ``reason`` is the transport's, for where nobody here ended it."""
        at = self._record.elapsed()
        if engine is not None and not engine.established and engine.failure is None:
            left = self._reason or "the client left during the handshake"
            self._record.observe(events.TlsFailed(at=at, reason=left))
        self._record.observe(
            events.Disconnected(
                at=at,
                by=self._ended_by or "client",
                clean=engine is None or engine.peer_closed or (self._ended_by == "server" and self._closed_in_order),
                reason=self._reason or ("" if self._ended_by else reason),
                received=self._received,
                sent=self._sent,
            )
        )
