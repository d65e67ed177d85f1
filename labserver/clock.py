"""Time and randomness, injected: the only two things that make a run differ from the next one.

Everything that needs the time or a random value takes a :class:`Clock` or an :class:`Entropy`; tests pass fixed ones.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

__all__ = ["Clock", "Entropy", "FixedClock", "SeededEntropy", "SystemClock", "SystemEntropy"]


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Return the wall-clock time, timezone-aware, UTC."""

    def monotonic(self) -> float:
        """Return seconds since an arbitrary point; never goes back."""


class SystemClock:
    """The host's clocks."""

    def now(self) -> datetime:
        """Return the current time in UTC."""
        return datetime.now(UTC)

    monotonic = staticmethod(time.monotonic)
    """The host's monotonic time in seconds; asked for several times with every command."""


@dataclass(slots=True, kw_only=True)
class FixedClock:
    """A clock that stands still until it is told to move."""

    moment: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC))
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the moment it was set to."""
        return self.moment

    def monotonic(self) -> float:
        """Return the elapsed seconds it was set to."""
        return self.elapsed


class Entropy(Protocol):
    """Where random bytes come from."""

    def token(self, size: int, purpose: str) -> bytes:
        """Return ``size`` bytes; ``purpose`` names their use and separates seeded streams from each other."""


class SystemEntropy:
    """The operating system's generator."""

    def token(self, size: int, purpose: str) -> bytes:  # noqa: ARG002 -- the interface's; real randomness needs no separation
        """Return ``size`` unpredictable bytes."""
        return os.urandom(size)


class SeededEntropy:
    """Reproducible bytes: a counter-mode SHA-256 stream per purpose. Public knowledge by design, never a secret."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._counters: dict[str, int] = {}

    def token(self, size: int, purpose: str) -> bytes:
        """Return the next ``size`` bytes of the stream that ``seed`` and ``purpose`` define."""
        out = bytearray()
        while len(out) < size:
            counter = self._counters.get(purpose, 0)
            self._counters[purpose] = counter + 1
            out += hashlib.sha256(f"{self._seed}\0{purpose}\0{counter}".encode()).digest()
        return bytes(out[:size])
