"""A line on a terminal that says how far a run is: what is left, and the worst finding so far."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, TextIO

from labserver.verdicts.finding import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.report.case import CaseReport
    from labserver.verdicts.finding import Finding

__all__ = ["Progress"]

_INTERVAL = 0.1
"""Seconds between two lines: more would cost a fast run time, and nobody reads them."""
_CLEAR = "\r\x1b[K"
"""Back to the beginning of the line, and erase it (ECMA-48 8.3.41)."""


class Progress:
    """Writes nothing where ``stream`` is no terminal."""

    total = 0
    """How many cases there are."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._shows = stream.isatty()
        self._clock = clock
        self._began = clock()
        self._due = self._began
        self._done = 0
        self._worst: tuple[tuple[int, int], str] = ((0, 0), "")

    def finished(self, report: CaseReport) -> None:
        """Count a case, in whatever order they finish."""
        self._done += 1
        for finding in report.verdict.findings:
            rank = _rank(finding)
            if rank > self._worst[0]:
                self._worst = rank, f"{finding.outcome.value} {finding.severity.value} {finding.rule} in {report.id}"
        self.show()

    def show(self) -> None:
        """Show the line, unless that was done just now."""
        now = self._clock()
        if self._shows and now >= self._due:
            self._due = now + _INTERVAL
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(_CLEAR + self.line()[:width])
            self._stream.flush()

    def clear(self) -> None:
        """Make room for other output."""
        if self._shows:
            self._stream.write(_CLEAR)
            self._stream.flush()
            self._due = self._clock()

    def line(self) -> str:
        """Return what the line says."""
        left = self.total - self._done
        words = f"{self._done} of {self.total} cases"
        if self._done and left:
            seconds = (self._clock() - self._began) / self._done * left
            words += f", about {_duration(seconds)} left"
        return f"{words}; worst so far: {self._worst[1] or 'nothing'}"


def _rank(finding: Finding) -> tuple[int, int]:
    """Return how bad a finding is; remarks do not count."""
    return (finding.outcome.rank, finding.severity.rank) if finding.outcome.rank >= Outcome.WARN.rank else (0, 0)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
