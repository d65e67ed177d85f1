"""Tests of labserver.imap.responses."""

from __future__ import annotations

import pytest

from labserver.dialogues.exchange import Reply
from labserver.imap.responses import batched

_PIECE = 1 << 16
"""Octets that a connection writes at a time."""


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        ([], []),
        ([10, 20], [30]),
        ([_PIECE - 1, 1, 1], [_PIECE, 1]),
        ([1, _PIECE], [1, _PIECE]),
        ([2_000] * 40, [64_000, 16_000]),
        ([1, _PIECE + 1, 1], [1, _PIECE + 1, 1]),
    ],
)
def test_replies_are_what_is_written_at_a_time(lines: list[int], replies: list[int]) -> None:
    """Only a response that is longer than that by itself makes a reply that has to be cut."""
    made = list(batched(b"x" * size for size in lines))
    assert [len(reply.raw) for reply in made if isinstance(reply, Reply)] == replies
