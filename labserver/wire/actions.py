"""What the server does next on the wire, imperative: the membrane yields it, the connection performs it in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labserver.events import Event

from labserver.effort import GiveWay
from labserver.values import quick

__all__ = ["Abort", "Action", "Close", "GiveWay", "Hold", "Pace", "Pause", "Send", "StartTls", "Told"]


@quick
@dataclass(frozen=True, slots=True)
class Send:
    """Send application octets."""

    data: bytes | memoryview
    rest: Iterable[bytes] = ()
    """What follows ``data``, made piece by piece while the client takes it. An empty piece gives way."""


@dataclass(frozen=True, slots=True)
class StartTls:
    """Everything sent so far goes out in clear; what follows is TLS."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for ``seconds``; what the client sends meanwhile waits."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing of what is said from here on leaves for ``seconds``; the client is read and answered all the while."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What is said from here on leaves in pieces, each of them a segment, and a record where there is TLS.

    Without arguments, it leaves as usual again.
    """

    size: int = 0
    """Octets of a piece; 0 for as many as there are."""
    behind: bytes = b""
    """What a piece ends with wherever it occurs, such as CR to split CRLF; empty for nothing."""
    seconds: float = 0.0
    """From one piece to the next."""


@dataclass(frozen=True, slots=True)
class Told:
    """Take note of an event when all that was said before it has left; its time is set then."""

    event: Event


@dataclass(frozen=True, slots=True)
class Close:
    """Send what is queued, close_notify inside TLS, and close the connection."""

    notify: bool = True
    """Inside TLS, say close_notify first (RFC 8446 6.1)."""
    half: bool = False
    """Close the sending side only (FIN), and go on reading what will not be answered (RFC 9293 3.6)."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Drop the connection at once (RST)."""


Action = Send | StartTls | Pause | GiveWay | Hold | Pace | Told | Close | Abort
