"""Warm messages: what is dropped, when, and that nothing is lost by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from labserver.mailstore.cache import ALLOWANCE, WarmMessages
from labserver.mailstore.message import Body, Message

if TYPE_CHECKING:
    from labserver.mailstore.envelope import Envelope


class Shelf:
    """Octets by key; counts the readings."""

    def __init__(self) -> None:
        self.readings = 0

    def read_content(self, body: Body) -> bytes:
        """Return made-up octets."""
        self.readings += 1
        return bytes([body.key]) * body.size

    def read_envelope(self, body: Body) -> Envelope | None:  # noqa: ARG002 -- the interface's
        """Return none."""
        return None


def cold(warm: WarmMessages, *sizes: int) -> list[Message]:
    """Return messages of these sizes whose octets are on the shelf."""
    date = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Message(
            uid=uid,
            flags=frozenset(),
            internal_date=date,
            modseq=1,
            body=Body(data=None, size=size, key=uid),
            keeper=warm,
        )
        for uid, size in enumerate(sizes, 1)
    ]


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
    assert [message.body.data is None for message in (one, two, three)] == [False, True, False]


def test_derived_goes_with_the_octets() -> None:
    """What a reader made of them often holds them."""
    warm = WarmMessages(Shelf(), capacity=100 + ALLOWANCE)
    one, two = cold(warm, 100, 100)
    one.derived["tree"] = memoryview(one.content)
    _ = two.content
    assert one.derived == {}
    assert "tree" not in one.derived


def test_what_is_derived_without_octets_is_charged_its_allowance() -> None:
    """A mailbox's flag bytes alone do not push the octets out as if they were read."""
    warm = WarmMessages(Shelf(), capacity=1_000_000)
    messages = cold(warm, *[100_000] * 50)
    for message in messages:
        message.derived["flags"] = b"(\\Seen)"
    assert warm.charged == 50 * ALLOWANCE
    _ = messages[0].content
    messages[0].derived["flags"] = b"()"
    assert warm.charged == 50 * ALLOWANCE + 100_000


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
