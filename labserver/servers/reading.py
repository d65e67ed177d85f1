"""Whether octets of a client are read now, and what is counted of those that are kept.

Nothing is read while the client does not take what it asked for, while what it sent last is being worked off and more
would only pile up, and while many others send as much and it is not its turn. Reading goes on when none of that is so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.budget import Charge
    from labserver.servers.transport import Transport
    from labserver.servers.turns import Turns

__all__ = ["Reading"]

_READ_AHEAD = 1 << 16
"""Octets of the client's that are kept while nothing can be done with them; then nothing more is read."""
_MUCH = 3 << 14
"""Octets without a reply from which on a client waits its turn when many send as much."""


class Reading:
    """The reading side of one connection."""

    __slots__ = ("_charge", "_deaf", "_resting", "_transport", "_turns", "counts", "paused", "sends_much", "unanswered")

    def __init__(self, transport: Transport, charge: Charge, turns: Turns) -> None:
        self.paused = False
        """The client does not take what it asked for."""
        self._transport: Transport | None = transport
        self._charge = charge
        """What is kept of the client's octets until they are a whole unit and answered."""
        self._turns = turns
        self.counts = False
        """Something is counted, or may have to be: :meth:`account` is to be told that nothing is held any more."""
        self.unanswered = 0
        """Octets that came since the last reply."""
        self.sends_much = False
        """There were so many that it counts among those that take turns."""
        self._deaf = False
        """What was read last waits for a command that works, or for time to pass."""
        self._resting = False
        """It is not this connection's turn."""

    def pause(self) -> None:
        """Stop: the client takes nothing."""
        self.paused = self.counts = True
        if self._transport is not None:
            self._transport.pauseProducing()

    def resume(self) -> None:
        """Go on: the client takes what it asked for."""
        self.paused = False
        self._read_on()

    def be_deaf(self) -> None:
        """Stop until :meth:`listen`: what came waits for a command that works, or for time to pass."""
        if not self._deaf and self._transport is not None:
            self._deaf = True
            self._transport.pauseProducing()

    def listen(self) -> None:
        """Go on, if it stopped for that."""
        if self._deaf:
            self._deaf = False
            self._read_on()

    def read_again(self) -> None:
        """Go on: it is this connection's turn."""
        self._resting = False
        self._read_on()

    def _read_on(self) -> None:
        if not (self.paused or self._deaf or self._resting or self._transport is None):
            self._transport.resumeProducing()

    def came(self, octets: int, *, closing: bool) -> None:
        """Take note of octets; read no more for now, if many others send as much."""
        self.unanswered += octets
        if self.unanswered > _MUCH and not closing and self._transport is not None:
            self.sends_much = True
            if self._turns.rests(self):
                self._resting = True
                self._transport.pauseProducing()

    def answered(self) -> None:
        """Take no turns any more: there is a reply."""
        self.sends_much = False
        self._turns.leaves(self)

    def account(self, held: int, untaken: int) -> bool:
        """Count what the client sent and what it does not take; return whether the first is much to be kept."""
        output = untaken if self.paused else 0
        self._charge.resize(held + output, forced=True)  # each framer has its own bound, and so has output
        self.counts = self.paused or self._charge.octets > 0
        return held > _READ_AHEAD

    def end(self) -> None:
        """Count nothing any more, and leave the transport alone: the connection is gone."""
        self._transport = None
        self._charge.close()
        self._turns.leaves(self)
