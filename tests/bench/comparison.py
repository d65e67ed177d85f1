"""Interleaved rounds and what they are turned into: medians of ratios, as Markdown.

The machine is shared and its speed drifts, so absolute numbers say little. Contenders take turns in every round, each
time in another order; a ratio is taken within a round, and the median of these ratios is what is told.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["OURS", "Bound", "Line", "Rounds", "Sample", "interleaved", "table"]

OURS = "labserver"

Sample = dict[str, float]
"""What one turn of one contender measured, by the measurement's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What a number should be."""

    at_least: float | None = None
    at_most: float | None = None

    def __str__(self) -> str:
        return f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"

    def met_by(self, value: float) -> bool:
        """Return whether the number is as it should be."""
        return value >= self.at_least if self.at_least is not None else value <= (self.at_most or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a table: a measurement of ours against one peer's."""

    what: str
    unit: str
    ours: float
    peer: str
    theirs: float
    ratio: float
    """Ours to theirs."""
    wanted: Bound | None = None
    absolute: bool = False
    """What is wanted is a value of ours rather than a ratio."""

    def cells(self) -> tuple[str, ...]:
        """Return the line for people."""
        met = ""
        if self.wanted is not None:
            met = "yes" if self.wanted.met_by(self.ours if self.absolute else self.ratio) else "**no**"
        wanted = f"{self.wanted}{f' {self.unit}' if self.absolute else ''}" if self.wanted else ""
        numbers = (_short(self.ours), self.peer, _short(self.theirs), f"{self.ratio:.2f}")
        return (self.what, self.unit, *numbers, wanted, met)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Rounds:
    """All samples of all contenders."""

    samples: Mapping[str, Sequence[Sample]]

    def values(self, contender: str, measurement: str) -> list[float]:
        """Return one measurement of a contender, by round."""
        return [sample[measurement] for sample in self.samples[contender]]

    def line(
        self,
        measurement: str,
        *,
        unit: str,
        peer: str,
        ours: str = OURS,
        what: str = "",
        wanted: Bound | None = None,
        absolute: bool = False,
    ) -> Line:
        """Compare one measurement of ours with a peer's."""
        mine, theirs = self.values(ours, measurement), self.values(peer, measurement)
        return Line(
            what=what or measurement,
            unit=unit,
            ours=median(mine),
            peer=peer,
            theirs=median(theirs),
            ratio=median(mine_once / theirs_once for mine_once, theirs_once in zip(mine, theirs, strict=True)),
            wanted=wanted,
            absolute=absolute,
        )


def interleaved(contenders: Mapping[str, Callable[[], Sample]], rounds: int) -> Rounds:
    """Let contenders take turns; the order rotates, so that nobody always comes first."""
    names = list(contenders)
    samples: defaultdict[str, list[Sample]] = defaultdict(list)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            samples[name].append(contenders[name]())
    return Rounds(samples)


_HEADINGS = ("what", "unit", OURS, "peer", "peer's", "ratio", "wanted", "met")


def table(title: str, lines: Iterable[Line], notes: Iterable[str] = ()) -> str:
    """Return a section in Markdown."""
    rows = [_HEADINGS, tuple("---" for _ in _HEADINGS), *(line.cells() for line in lines)]
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n\n".join([f"### {title}", body, *notes])
