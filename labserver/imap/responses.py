"""Untagged responses on their way out: many lines, few replies."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.effort import GiveWay

__all__ = ["batched", "listed"]

_ENOUGH = 65_536
"""Octets that a connection writes at a time: what is a little longer would be cut in two."""
_NUMBERS = 8_192
"""Numbers that are spelled at a time."""


def batched(lines: Iterable[bytes | Reply | GiveWay]) -> Iterator[Reply | GiveWay]:
    """Join whole responses into replies of at most 64 KiB: one write costs more than a thousand short lines.

    A response that is long is a reply of its own, and its place among the others is kept. Where the lines give way, so
    do the replies.
    """
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        if not isinstance(line, bytes):
            if waiting and isinstance(line, Reply):
                yield Reply.untagged(b"".join(waiting))
                waiting, size = [], 0
            yield line
            continue
        size += len(line)
        if size > _ENOUGH and waiting:
            yield Reply.untagged(b"".join(waiting))
            waiting, size = [], len(line)
        waiting.append(line)
    if waiting:
        yield Reply.untagged(b"".join(waiting))


def listed(beginning: bytes, numbers: Sequence[int], end: bytes) -> Reply:
    """Return a response that lists numbers; many are spelled while the client takes them."""
    if len(numbers) <= _NUMBERS:
        return Reply.untagged(b"".join((beginning, _spelled(numbers), end)))
    return Reply.untagged(beginning, _Numbers(array("I", numbers), end))


@dataclass(frozen=True, slots=True)
class _Numbers:
    """Many numbers, four octets each while they wait."""

    numbers: array[int]
    end: bytes

    def __iter__(self) -> Iterator[bytes]:
        for start in range(0, len(self.numbers), _NUMBERS):
            yield _spelled(self.numbers[start : start + _NUMBERS])
        yield self.end


def _spelled(numbers: Sequence[int]) -> bytes:
    return b"".join([b" %d" % number for number in numbers])
