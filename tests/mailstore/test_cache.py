"""Warm messages: what is dropped, when, and that nothing is lost by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from labserver.mailstore.cache import ALLOWANCE, Resident, Scratch, WarmMessages
from labserver.mailstore.message import Body, Draft, Message
from labserver.mailstore.moments import packed

if TYPE_CHECKING:
    from labserver.mailstore.envelope import Envelope
    from labserver.mailstore.store import MailStore


class Shelf:
    """Octets by key; counts the readings."""

    def __init__(self) -> None:
        self.readings = 0
        self.finished_with: list[int] = []

    def read_content(self, message: Message) -> bytes:
        """Return made-up octets."""
        self.readings += 1
        assert isinstance(message.body, int)
        return bytes([message.body]) * message.size

    def read_octets(self, key: int, start: int, end: int) -> bytes:
        """Return some of them."""
        self.readings += 1
        return bytes([key]) * (end - start)

    def finished(self, key: int) -> None:
        """Take note."""
        self.finished_with.append(key)

    def read_envelope(self, message: Message) -> Envelope | None:  # noqa: ARG002 -- the interface's
        """Return none."""
        return None


def cold(warm: WarmMessages, *sizes: int) -> list[Message]:
    """Return messages of these sizes whose octets are on the shelf."""
    date = packed(datetime(2026, 1, 1, tzinfo=UTC))
    return [
        Message(
            uid=uid,
            flags=frozenset(),
            arrived=date,
            modseq=1,
            body=uid,
            size=size,
            keeper=warm,
        )
        for uid, size in enumerate(sizes, 1)
    ]


def test_reading_piece_by_piece() -> None:
    """What is large and read in pieces does not become warm; what is warm is read from memory."""
    warm = WarmMessages(shelf := Shelf(), capacity=1_000_000)
    first, second, small = cold(warm, 100_000, 100_000, 100)
    assert second.content
    shelf.readings = 0
    assert first.reading().octets(10, 30) == b"\x01" * 20
    assert (shelf.readings, first in warm) == (1, False)
    assert second.reading().octets(10, 30) == b"\x02" * 20
    assert shelf.readings == 1
    assert small.reading().octets(10, 30) == b"\x03" * 20
    assert (shelf.readings, small in warm) == (2, True)


def test_who_is_being_sent_what() -> None:
    """What is read piece by piece is known for as long as somebody reads it, and the source is told of the end."""
    warm = WarmMessages(shelf := Shelf(), capacity=1_000_000)
    (message,) = cold(warm, 100_000)
    readings = [message.reading(), message.reading()]
    assert list(warm.being_sent) == [1]
    readings.pop()
    assert (list(warm.being_sent), shelf.finished_with) == ([1], [])
    readings.pop()
    assert (list(warm.being_sent), shelf.finished_with) == ([], [1])


def test_octets_are_read_once_while_warm() -> None:
    """The second reading is memory's."""
    warm = WarmMessages(shelf := Shelf(), capacity=10_000)
    (message,) = cold(warm, 100)
    assert [message.content, message.content] == [b"\x01" * 100] * 2
    assert shelf.readings == 1
    assert warm.charged == 100 + ALLOWANCE


def test_the_one_read_longest_ago_goes_first() -> None:
    """Reading again counts."""
    warm = WarmMessages(Shelf(), capacity=2 * (100 + ALLOWANCE))
    one, two, three = cold(warm, 100, 100, 100)
    for message in (one, two, one, three):
        _ = message.content
    assert [message in warm for message in (one, two, three)] == [True, False, True]
    assert warm.held == 200


def test_derived_goes_with_the_octets() -> None:
    """What a reader made of them often holds them."""
    warm = WarmMessages(Shelf(), capacity=100 + ALLOWANCE)
    one, two = cold(warm, 100, 100)
    assert one.keep("tree", memoryview(one.content))
    assert one.known("tree") is not None
    _ = two.content
    assert one.known("tree") is None


def test_what_is_left_is_charged() -> None:
    """Small values alone do not push octets out as if those were read, and large ones count for what they are."""
    warm = WarmMessages(Shelf(), capacity=1_000_000)
    messages = cold(warm, *[100_000] * 50)
    for message in messages:
        assert message.keep("flags", b"(\\Seen)")
    small = warm.charged
    assert 50 * ALLOWANCE < small < 50 * (ALLOWANCE + 200)
    _ = messages[0].content
    assert warm.charged == small + 100_000
    assert messages[0].keep("envelope", b"x" * 10_000)
    assert small + 110_000 <= warm.charged < small + 110_200


def test_what_is_left_pushes_out_what_was_left_before() -> None:
    """However much readers leave with messages on disk, it takes no more memory than the bound."""
    warm = WarmMessages(Shelf(), capacity=100_000)
    messages = cold(warm, *[100] * 500)
    for message in messages:
        assert message.keep("envelope", b"x" * 2_000)
    assert 35 <= sum(message.cache is not None for message in messages) <= 50
    assert warm.charged <= 100_000


def test_a_chilled_message_owes_nothing() -> None:
    """Dropping gives the charge back, once."""
    warm = WarmMessages(shelf := Shelf(), capacity=10_000)
    (message,) = cold(warm, 100)
    _ = message.content
    warm.chill(message)
    warm.chill(message)
    assert warm.charged == 0
    assert message.content == b"\x01" * 100
    assert shelf.readings == 2


def test_a_message_that_was_not_read_is_cold() -> None:
    """What is derived of it takes no dictionary before there is something in it."""
    warm = WarmMessages(Shelf(), capacity=10_000)
    (message,) = cold(warm, 100)
    assert message.cache is None
    _ = message.content
    assert message.cache is None
    warm.chill(message)
    assert message.keep("x", 1)
    warm.chill(message)
    assert message.cache is None


def resident(*sizes: int) -> list[Message]:
    """Return messages of these sizes that are in memory."""
    keeper = Resident()
    return [
        Message(
            uid=uid,
            flags=frozenset(),
            arrived=packed(datetime(2026, 1, 1, tzinfo=UTC)),
            modseq=1,
            body=Body(data=bytes(size)),
            size=size,
            keeper=keeper,
        )
        for uid, size in enumerate(sizes, 1)
    ]


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ([10] * 100, 20),
        ([100] * 15, 10),
        ([10, 990, 10, 10, 10, 10], 4),
        ([2_000] * 5, 2),
        ([10, 2_000], 2),
        ([2_000, 10, 10], 2),
    ],
    ids=["many", "large", "one large", "only large", "the last is large", "before the last was large"],
)
def test_scratch_is_that_of_the_messages_read_last(sizes: list[int], left: int) -> None:
    """Twenty here, a thousand octets together, and two in any case; the one read longest ago goes first."""
    scratch = Scratch(messages=20, octets=1_000, few=2)
    messages = resident(*sizes)
    for message in messages:
        scratch.of(message)["tree"] = message.uid
    assert len(scratch) == left
    assert [scratch.of(message).get("tree") for message in messages[-left:]] == [
        message.uid for message in messages[-left:]
    ]


def test_scratch_is_kept_while_it_is_asked_for() -> None:
    """Asking counts as reading."""
    scratch = Scratch(messages=2, octets=1_000, few=1)
    one, two, three = resident(1, 1, 1)
    first = scratch.of(one)
    scratch.of(two)
    assert scratch.of(one) is first
    scratch.of(three)
    assert scratch.of(one) is first


def test_a_message_that_goes_cold_leaves_no_scratch() -> None:
    """A tree points into the octets, and would hold them."""
    warm = WarmMessages(Shelf(), capacity=100 + ALLOWANCE)
    one, two = cold(warm, 100, 100)
    one.scratch["tree"] = memoryview(one.content)
    _ = two.content
    assert one.scratch == {}


def test_scratch_of_an_expunged_message_is_dropped(mail_store: MailStore) -> None:
    """Its octets are let go, in memory and on disk."""
    inbox = mail_store.account("alice").mailboxes["INBOX"]
    (message,) = inbox.append([Draft(content=b"x")])
    scratch = message.scratch
    scratch["tree"] = 1
    assert message.scratch is scratch
    inbox.expunge([message])
    assert message.scratch == {}
