"""What somebody may have meant who mistyped a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["did_you_mean", "question"]

_MOST = 3
_NEAR, _PART_NEAR = 0.66, 0.8
"""How much of two words is the same, from 0 to 1, where one may have been meant by the other."""
_TIE = 0.1
_SHORTEST_PART = 4


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``; did you mean X?`` with the known words nearest to ``word``, empty if none is near."""
    scores = {one: _likeness(word, one) for one in dict.fromkeys(known)}
    best = max(scores.values(), default=0.0)
    if not best:
        return ""
    near = sorted((one for one, score in scores.items() if score > best - _TIE), key=lambda one: -scores[one])
    return question(near[:_MOST])


def _likeness(word: str, known: str) -> float:
    """Return how much of two words is the same, 0 if they are not near; a part of a compound may be meant, too."""
    from difflib import SequenceMatcher  # noqa: PLC0415 -- only for mistakes

    typed, whole = (text.lower().replace("_", "-").strip("-") for text in (word, known))
    ratio = SequenceMatcher(None, typed, whole).ratio()
    parts = [part for part in whole.split("-") if len(part) >= _SHORTEST_PART]
    part_ratio = max((SequenceMatcher(None, typed, part).ratio() for part in parts), default=0.0)
    return max(ratio if ratio >= _NEAR else 0.0, part_ratio - _TIE if part_ratio >= _PART_NEAR else 0.0)


def question(words: Sequence[str]) -> str:
    """Return ``; did you mean X, Y or Z?``, empty for no words."""
    if not words:
        return ""
    *most, last = words
    return f"; did you mean {', '.join(most)}{' or ' if most else ''}{last}?"
