"""What FETCH, SORT and THREAD leave with messages is shared by their copies, counted and bounded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labserver.budget import Budget
from labserver.imap.sort import sent
from labserver.mailstore.cache import Resident
from labserver.mailstore.message import Body, Message
from labserver.mailstore.moments import packed
from labserver.mailstore.storage import PER_MESSAGE, MemoryStorage
from labserver.mailstore.store import MailStore
from tests.imap.driver import Lab

_KIB = 1 << 10
_ALL = "FETCH 1:* (ENVELOPE BODY BODYSTRUCTURE)"
_SORT = "SORT (SUBJECT FROM DATE) UTF-8 ALL"


def _counted(limit: int) -> tuple[Lab, Budget]:
    """Return a lab in memory, and what is counted there."""
    lab, budget = Lab(), Budget(limit)
    lab.store = MailStore(storage=MemoryStorage(budget), limits=lab.limits, clock=lab.clock)
    return lab, budget


def _mail(subject: int) -> bytes:
    """Return a message with an ENVELOPE of three KiB and a little more."""
    return b"Subject: %d%b\r\nFrom: a@b.test\r\n\r\n" % (subject, b" word" * 600)


@pytest.mark.parametrize("doublings", [0, 10])
def test_copies_share_what_is_found(doublings: int) -> None:
    """A thousand copies of one message hold no more than it alone."""
    lab, budget = _counted(64 * _KIB * _KIB)
    lab.deliver(_mail(1))
    client = lab.selected()
    for _ in range(doublings):
        client.ok("COPY 1:* INBOX")
    before = budget.held
    client.ok(_ALL)
    client.ok(_SORT)
    inbox = lab.alice.mailbox("INBOX")
    assert inbox is not None
    assert len(inbox.messages) == 1 << doublings
    assert 3 * _KIB < budget.held - before <= 6 * _KIB
    assert len({id(message.cache) for message in inbox.messages}) == 1


def test_what_is_left_has_an_eighth_of_the_memory() -> None:
    """Beyond that, messages are answered for without leaving anything; what was left goes with the messages."""
    limit = 2 * _KIB * _KIB
    lab, budget = _counted(limit)
    lab.deliver(*map(_mail, range(300)))
    client = lab.selected()
    before = budget.held
    first, again = client.ok(_ALL), client.ok(_ALL)
    assert first == again
    assert client.ok(_SORT) == client.ok(_SORT)
    left = budget.held - before
    assert limit // 8 - 6 * _KIB < left <= limit // 8
    client.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    assert budget.held == 0


def test_a_long_envelope_stays_with_no_message() -> None:
    """Of messages with 12 KiB of ENVELOPE, little is left but with the last few."""
    lab, budget = _counted(64 * _KIB * _KIB)
    lab.deliver(*[b"Subject: %b\r\n\r\n" % (b"x" * 12_000)] * 200)
    client = lab.selected()
    before = budget.held
    client.ok("FETCH 1:* ENVELOPE")
    assert budget.held - before <= 200 * _KIB


@pytest.mark.parametrize("depth", [1, 16, 17, 1_000])
def test_places_of_sections(depth: int) -> None:
    """Where many sections of a large message are, or are not, is kept within a bound."""
    lab, budget = _counted(64 * _KIB * _KIB)
    lab.deliver(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"x" * 100 * _KIB)
    client = lab.selected()
    before = budget.held
    for number in range(1, 200):
        path = "1." * (depth - 1) + str(number)
        client.ok(f"FETCH 1 BODY.PEEK[{path}]<0.1>")
    assert (32 * _KIB if depth <= 16 else 0) <= budget.held - before <= 65 * _KIB


def test_copies_are_sorted_by_their_own_internal_dates() -> None:
    """RFC 5256 2.2: without a Date field that counts for the sent date, and it is each copy's own."""
    body = Body(data=b"Subject: x\r\n\r\n")
    moments = [datetime(year, 1, 1, tzinfo=UTC) for year in (2020, 2021)]
    copies = [
        Message(uid=1, flags=frozenset(), arrived=packed(moment), modseq=1, body=body, size=14, keeper=Resident())
        for moment in moments
    ]
    assert [sent(copy) for copy in copies] == moments
    assert [sent(copy) for copy in copies] == moments


def test_what_is_counted_for_a_copy_is_given_back() -> None:
    """The octets and what was left with them go with the last copy."""
    lab, budget = _counted(_KIB * _KIB)
    lab.deliver(_mail(1))
    client = lab.selected()
    client.ok("COPY 1 INBOX")
    client.ok(_ALL)
    held = budget.held
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    assert budget.held == held - PER_MESSAGE
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    assert budget.held == 0
