"""Holders: what was written is what is read, wherever it was meanwhile, and all of it is counted and given back."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.budget import Budget
from labserver.holding import Held, Intake, LineFeeds, Span

if TYPE_CHECKING:
    from collections.abc import Sequence

_KIB = 1 << 10


@dataclass
class Paper:
    """A spool that is a dictionary, with so many blocks."""

    size: int = 16
    most: int = 1_000
    blocks: dict[int, bytes] = field(default_factory=dict)
    count: int = 0

    @property
    def room(self) -> int:
        """Octets that there is room for."""
        return (self.most - len(self.blocks)) * self.size

    def put(self, octets: memoryview) -> int:
        """Keep a block."""
        if len(self.blocks) == self.most:
            raise OSError(errno.ENOSPC, "full")
        self.count += 1
        self.blocks[self.count] = bytes(octets)
        return self.count

    def get(self, number: int) -> bytes:
        """Return a block."""
        return self.blocks[number]

    def free(self, numbers: Sequence[int]) -> None:
        """Forget blocks."""
        for number in numbers:
            del self.blocks[number]


PIECES = st.lists(st.binary(max_size=40), max_size=12)


@given(pieces=PIECES, share=st.integers(16, 100), cut=st.tuples(st.integers(0, 500), st.integers(0, 500)))
def test_what_is_written_is_read(pieces: list[bytes], share: int, cut: tuple[int, int]) -> None:
    """In memory or in blocks, whole, in part and with a prefix, the octets are the same; then nothing is held."""
    budget, paper = Budget(), Paper()
    held = Intake(budget=budget, share=share, blocks=paper).hold()
    for piece in pieces:
        held.write(piece)
        assert budget.held <= max(share, paper.size, 8 * _KIB)
    whole = b"".join(pieces)
    start, end = sorted(min(place, len(whole)) for place in cut)
    assert not held.lost
    assert held.size == len(whole)
    assert held.resident == (len(whole) <= share or len(whole) < paper.size)
    assert part_of(held, 0, len(whole)).read() == whole
    part = part_of(held, start, end - start)
    assert (part.read(), b"".join(part.pieces())) == (whole[start:end],) * 2
    assert (part.behind(b"a").behind(b"b").read(), part.behind(b"ab").size) == (b"ba" + whole[start:end], 2 + part.size)
    assert budget.held + paper.size * len(paper.blocks) == len(whole)
    held.close()
    assert (budget.held, paper.blocks) == (0, {})


def part_of(held: Held, start: int, size: int) -> Span:
    """Return a part of what is held."""
    return Span(held, start, size, feeds=LineFeeds(mends=False))


def test_one_piece_is_never_copied() -> None:
    """Mail that comes in one segment is the segment."""
    octets = b"x" * 4_096
    held = Intake().hold()
    held.write(octets)
    assert part_of(held, 0, 4_096).read() is octets


@pytest.mark.parametrize("spool", [None, Paper(most=3), Paper(most=0)], ids=["no spool", "a small one", "a full one"])
def test_without_room_everything_is_dropped_at_once(spool: Paper | None) -> None:
    """Mail that finds room neither here nor there is lost; what still comes of it is only counted."""
    budget = Budget()
    held = Intake(budget=budget, share=20, blocks=spool).hold()
    for _ in range(10):
        held.write(b"0123456789")
    assert held.lost
    assert held.size == 100
    assert budget.held == 0
    assert spool is None or spool.blocks == {}


def test_small_mail_finds_room_in_any_case() -> None:
    """Eight KiB are held however full the memory is; one octet more goes to the spool, or is lost."""
    budget = Budget(0)
    held = Intake(budget=budget).hold()
    held.write(b"x" * (8 * _KIB))
    assert (held.lost, budget.held) == (False, 8 * _KIB)
    held.write(b"x")
    assert (held.lost, budget.held) == (True, 0)
    paper = Paper(size=4 * _KIB)
    held = Intake(budget=budget, blocks=paper).hold()
    held.write(b"x" * (8 * _KIB + 1))
    assert (held.lost, len(paper.blocks), budget.held) == (False, 2, 1)


def test_a_forgotten_holder_holds_nothing() -> None:
    """The last reference is enough, in memory and in blocks."""
    budget, paper = Budget(), Paper()
    held = Intake(budget=budget, share=16, blocks=paper).hold()
    held.write(b"x" * 40)
    assert (budget.held, len(paper.blocks)) == (8, 2)
    del held
    assert (budget.held, paper.blocks) == (0, {})


@pytest.mark.parametrize(("size", "room"), [(16, True), (17, True), (48, True), (49, False)])
def test_room_can_be_asked_for(size: int, room: bool) -> None:  # noqa: FBT001 -- a column of the table
    """What is announced is compared with the share and with what the spool has left."""
    assert Intake(share=16, blocks=Paper(most=3)).has_room(size) is room


@given(st.lists(st.text("\r\nx.", max_size=4), max_size=12), st.sampled_from([3, 8, 1_000]), st.integers(0, 3))
def test_bare_line_feeds_are_mended_as_they_come(texts: list[str], share: int, start: int) -> None:
    """In whatever pieces octets come, to memory or to blocks: each LF has a CR before it, and the size says so."""
    pieces = [text.encode() for text in texts]
    held = Intake(share=share, blocks=Paper(size=3)).hold()
    held.write(b"y" * start)
    sent = b"".join(pieces)
    span = held.span(len(sent), mends=False)
    for piece in pieces:
        span.write(piece, piece)
    mended = held.span(len(sent), mends=True)
    for piece in pieces:
        mended.write(piece, piece)
    stored = re.sub(rb"(?<!\r)\n", b"\r\n", sent)
    assert (span.read(), span.size, span.sent) == (sent, len(sent), len(sent))
    assert (mended.read(), mended.size, mended.sent) == (stored, len(stored), len(sent))
    assert b"".join(mended.pieces()) == stored
    assert (mended.behind(b"a\n").read(), mended.behind(b"a\n").size) == (b"a\n" + stored, 2 + len(stored))
