"""What a misbehaving session says, on its way to the network: held, cut and spread over time, above TLS and below it.

A stage between the membrane and the connection, with the membrane's own way of being asked: ``next_action`` gives what
is to be done next, now that it is due. It is without I/O and has no timer: ``due`` says when to ask again, and whoever
asks has one timer for both lines and for the client's silence. An honest session has no such stage.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.session.line import Line
from labserver.session.pieces import PIECE, Pieces
from labserver.wire.actions import Close, GiveWay, Pause, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.session.membrane import Membrane
    from labserver.wire.actions import Action

__all__ = ["Lines"]

_MOST = PIECE
"""Octets that wait above TLS, beyond which nothing more is pulled."""


class Lines:
    """The line above TLS and, where the scenario cuts what leaves there, the one below."""

    __slots__ = ("_above", "_below", "_cut", "_elapsed", "_membrane", "_pieces", "_stopped")

    def __init__(self, membrane: Membrane, elapsed: Callable[[], float], *, below: bool = True) -> None:
        """``below``: octets can still be cut below TLS, because none has left."""
        self._membrane = membrane
        self._elapsed = elapsed
        self._above = Line()
        pace = membrane.below if below else None
        self._below = None if pace is None else Line(pace)
        self._cut = False
        """Something has left below TLS."""
        self._stopped = False
        """A pause is in the line: nothing more is pulled before it is over."""
        self._pieces: Pieces | None = None
        """What is left of a long reply."""

    @property
    def size(self) -> int:
        """Octets that wait."""
        return self._above.size + (0 if self._below is None else self._below.size)

    @property
    def whole(self) -> int:
        """Octets of a long reply that is in memory as a whole."""
        return 0 if self._pieces is None else self._pieces.whole

    @property
    def waits(self) -> bool:
        """Whether anything that was said has not left the line above TLS."""
        return bool(self._above)

    @property
    def keeps_waiting(self) -> bool:
        """Whether the client waits for anything that was said."""
        return bool(self._above or self._below)

    @property
    def paced(self) -> bool:
        """Whether what leaves now leaves in pieces, each by itself."""
        return self._above.paced

    # Above TLS

    def next_action(self) -> Action | None:
        """Return what to do next, pulling it from the membrane; None until something is due. May raise CutShort."""
        while True:
            item = self._above.take(self._elapsed())
            if item is not None:
                return Send(item) if isinstance(item, bytes) else item
            if self._above.size >= _MOST or self._stopped:
                return None
            action = self._pulled()
            if action is None or isinstance(action, GiveWay):
                return action
            self._put(action)

    def _pulled(self) -> Action | None:
        """Return what is said next: the next piece of what is long, or the membrane's next action."""
        if self._pieces is not None:
            piece = self._pieces.next_action()
            if piece is not None:
                return piece
            self._pieces = None
        return self._membrane.next_action()

    def _put(self, action: Action) -> None:
        match action:
            case Send() if action.rest or len(action.data) > PIECE:
                self._pieces = Pieces(action)
            case Send():
                self._above.put(action.data)
            case _:
                self._stopped = self._stopped or isinstance(action, Pause)
                self._above.put(action)

    def go_on(self) -> None:
        """Pull again: the pause is over."""
        self._stopped = False

    def hurry(self) -> None:
        """Delay nothing any more."""
        self._above.hurry()
        self._stopped = False
        if self._below is not None:
            self._below.hurry()

    def clear(self) -> None:
        """Forget what waits above TLS."""
        self._above.clear()
        self._pieces = None

    # Below TLS

    def lower(self, octets: bytes) -> bytes:
        """Take what TLS made of octets; return them where nothing is cut there, else keep them for later."""
        if self._below is None:
            return octets
        self._below.put(octets)
        return b""

    def close_below(self, close: Close) -> bool:
        """Close behind what waits below TLS; return whether anything does."""
        if not self._below:
            return False
        self._below.put(close)
        return True

    def due_below(self) -> bytes | Close | None:
        """Return what leaves now below TLS; None where nothing is due."""
        item = None if self._below is None else self._below.take(self._elapsed())
        if isinstance(item, bytes) and not self._cut:
            self._cut = True
            self._membrane.cut_below()
        return item if isinstance(item, bytes | Close) else None

    @property
    def below_waits(self) -> bool:
        """Whether anything waits below TLS."""
        return bool(self._below)

    # Time

    def due(self, *, blocked: bool) -> float | None:
        """Return when something is due that no event will bring about; None for never.

        ``blocked``: the client takes nothing, or a pause runs; then the end of that brings it about, and no timer.
        """
        dues = (
            None if blocked else self._above.due(),
            None if blocked else self._membrane.deadline(),
            None if self._below is None else self._below.due(),
        )
        return min((due for due in dues if due is not None), default=None)
