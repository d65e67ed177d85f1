"""Untagged responses on their way out: many lines, few replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.dialogues.exchange import Reply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from labserver.effort import GiveWay

__all__ = ["batched"]

_ENOUGH = 65_536


def batched(lines: Iterable[bytes | Reply | GiveWay]) -> Iterator[Reply | GiveWay]:
    """Join whole responses into replies of about 64 KiB: one write costs more than a thousand short lines.

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
        waiting.append(line)
        size += len(line)
        if size >= _ENOUGH:
            yield Reply.untagged(b"".join(waiting))
            waiting, size = [], 0
    if waiting:
        yield Reply.untagged(b"".join(waiting))
