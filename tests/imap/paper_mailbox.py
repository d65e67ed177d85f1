"""Messages without a store, for searching, sorting and threading."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labserver.mailstore.message import Body, Message
from labserver.mailstore.moments import packed

if TYPE_CHECKING:
    from collections.abc import Iterable

MORNING = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def message(
    content: bytes = b"", *, uid: int = 1, flags: Iterable[str] = (), arrived: datetime = MORNING, modseq: int = 1
) -> Message:
    """Return a message of its own."""
    return Message(
        uid=uid,
        flags=frozenset(flags),
        arrived=packed(arrived),
        modseq=modseq,
        body=Body(data=content),
        size=len(content),
    )


def mailbox(*contents: bytes) -> list[tuple[int, Message]]:
    """Return numbered messages with UIDs 10, 20, 30 …, all of one morning."""
    return [(number, message(content, uid=10 * number)) for number, content in enumerate(contents, 1)]
