"""Delivery: one copy each, octet for octet, and outcomes a reply can be made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock, SeededEntropy
from labserver.limits import Limits
from labserver.mailstore.delivery import Delivery
from labserver.mailstore.directory import Directory
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.mailstore.message import Draft

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.mailstore.store import MailStore

CONTENT = b"Subject: \xff\r\n\r\n..\rbare\nends without a line end"


def delivery(store: MailStore, *, strict: bool = False, accept_any: bool = False, trace: bool = False) -> Delivery:
    """Return a delivery for alice and bob."""
    directory = Directory(entropy=SeededEntropy("x"), catch_all=None if strict else "catchall", accept_any=accept_any)
    return Delivery(store=store, directory=directory, clock=FixedClock(), trace_headers=trace)


def envelope(*addresses: str, sender: str = "sender@example.org", helo: str = "client", peer: str = "::1") -> Envelope:
    """Return an envelope for these recipients."""
    recipients = tuple(Recipient(address=address, parameters={"NOTIFY": "SUCCESS"}) for address in addresses)
    return Envelope(
        sender=sender, recipients=recipients, parameters={"RET": "FULL"}, helo=helo, peer=peer, protocol="ESMTPS"
    )


def inbox_contents(store: MailStore) -> dict[str, list[bytes]]:
    """Return the contents of every INBOX that is not empty."""
    found = {
        name: [message.content for message in account.mailboxes["INBOX"].messages]
        for name, account in store.accounts.items()
    }
    return {name: contents for name, contents in found.items() if contents}


@pytest.mark.parametrize("together", [True, False])
def test_one_copy_each_as_it_came(mail_store: MailStore, together: bool) -> None:  # noqa: FBT001 -- a table's column
    """An account addressed three ways gets one copy; every recipient has an outcome; nothing is added."""
    sent = envelope("alice@lab.test", "zoe@elsewhere.example", "ALICE+tag@localhost", "alice", "bob@lab.test")
    outcomes = delivery(mail_store).deliver(sent, CONTENT, together=together)
    assert [outcome.account for outcome in outcomes] == ["alice", "catchall", "alice", "alice", "bob"]
    assert [outcome.address for outcome in outcomes] == [recipient.address for recipient in sent.recipients]
    assert all(outcome.error is None for outcome in outcomes)
    assert inbox_contents(mail_store) == {"alice": [CONTENT], "bob": [CONTENT], "catchall": [CONTENT]}
    assert outcomes[0].message is outcomes[2].message is mail_store.accounts["alice"].mailboxes["INBOX"].messages[0]


def test_the_envelope_is_kept_beside_each_copy(mail_store: MailStore) -> None:
    """DSN parameters and the client's facts, for every recipient."""
    sent = envelope("alice@lab.test", "bob@lab.test", sender="")
    for outcome in delivery(mail_store).deliver(sent, CONTENT):
        assert outcome.message is not None
        assert outcome.message.envelope == sent


def full_bob(open_mail_store: Callable[[Limits], MailStore]) -> MailStore:
    """Return a store where bob's INBOX is full."""
    store = open_mail_store(Limits(mailbox_messages=1))
    store.account("bob").mailboxes["INBOX"].append([Draft(content=b"full")])
    return store


def test_together_it_is_all_or_nothing(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """SMTP's one reply must be true for all: nobody has it, and everybody's outcome says why."""
    store = full_bob(open_mail_store)
    outcomes = delivery(store).deliver(envelope("alice@lab.test", "bob@lab.test"), CONTENT)
    assert [outcome.error and outcome.error.code for outcome in outcomes] == ["LIMIT", "LIMIT"]
    assert [outcome.message for outcome in outcomes] == [None, None]
    assert inbox_contents(store) == {"bob": [b"full"]}


def test_apart_each_has_an_own_outcome(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """LMTP replies for each recipient."""
    store = full_bob(open_mail_store)
    sent = envelope("alice@lab.test", "bob@lab.test", "nobody@lab.test")
    outcomes = delivery(store, strict=True).deliver(sent, CONTENT, together=False)
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "LIMIT", "NONEXISTENT"]
    assert inbox_contents(store) == {"alice": [CONTENT], "bob": [b"full"]}


def test_together_an_unknown_recipient_stops_all(mail_store: MailStore) -> None:
    """An envelope that was never checked is not half delivered."""
    outcomes = delivery(mail_store, strict=True).deliver(envelope("alice@lab.test", "nobody@lab.test"), CONTENT)
    assert [outcome.error and outcome.error.code for outcome in outcomes] == ["NONEXISTENT"] * 2
    assert inbox_contents(mail_store) == {}


def test_what_rcpt_can_know(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """Unknown and full are said before the message comes; asking makes no account."""
    store = full_bob(open_mail_store)
    checking = delivery(store, strict=True)
    outcomes = [checking.check(address) for address in ("alice@lab.test", "bob@lab.test", "nobody@lab.test")]
    assert [outcome.error and outcome.error.code for outcome in outcomes] == [None, "LIMIT", "NONEXISTENT"]
    assert list(store.accounts) == ["bob"]


def test_a_declared_size_is_checked_against_the_mailbox(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """SIZE= lets a full mailbox refuse early (RFC 1870 6.2)."""
    store = open_mail_store(Limits(mailbox_size=100))
    store.account("alice").mailboxes["INBOX"].append([Draft(content=b"x" * 60)])
    checking = delivery(store)
    assert checking.check("alice@lab.test", size=40).error is None
    error = checking.check("alice@lab.test", size=41).error
    assert error is not None
    assert error.code == "OVERQUOTA"


def test_accepting_anybody_delivers_to_whoever_it_is(mail_store: MailStore) -> None:
    """The account is there before its owner logs in for the first time."""
    delivery(mail_store, accept_any=True).deliver(envelope("Zoe+x@lab.test", "zoe@elsewhere.example"), CONTENT)
    assert inbox_contents(mail_store) == {"zoe": [CONTENT], "zoe@elsewhere.example": [CONTENT]}


@pytest.mark.parametrize(
    ("peer", "client"),
    [
        ("::1", b"client ([IPv6:::1])"),
        ("127.0.0.1", b"client ([127.0.0.1])"),
        ("a pipe", b"client"),
    ],
)
def test_trace_headers_when_asked_for(mail_store: MailStore, peer: str, client: bytes) -> None:
    """RFC 5321 4.4: return path first, then who came; each copy says for whom it is."""
    tracing = delivery(mail_store, trace=True)
    tracing.deliver(envelope("alice+x@lab.test", "bob@lab.test", "alice@lab.test", peer=peer), CONTENT)
    received = b"Received: from %b\r\n\tby lab.test with ESMTPS; Mon, 23 Nov 2026 12:00:00 +0000\r\n" % client
    assert inbox_contents(mail_store) == {
        name: [b"Return-Path: <sender@example.org>\r\nDelivered-To: %b\r\n" % address + received + CONTENT]
        for name, address in {"alice": b"alice+x@lab.test", "bob": b"bob@lab.test"}.items()
    }


def test_trace_headers_cannot_be_injected(mail_store: MailStore) -> None:
    """What the client said is one line; a name that is none is not repeated."""
    evil = envelope("alice@lab.test", sender="ä\r\nX: y@z", helo="a\nb\udcff")
    delivery(mail_store, trace=True).deliver(evil, CONTENT)
    ((content,),) = inbox_contents(mail_store).values()
    header = content.removesuffix(CONTENT)
    assert "Return-Path: <ä??X: y@z>\r\n".encode() in header
    assert b"from unknown ([" in header
    assert header.count(b"\n") == header.count(b"\r\n") == 4


@pytest.mark.parametrize(
    ("helo", "name"),
    [
        ("client.example", "client.example"),
        ("web_1", "web_1"),
        ("bücher.example", "bücher.example"),
        ("[127.0.0.1]", "[127.0.0.1]"),
        ("[IPv6:::1]", "[IPv6:::1]"),
        ("", "unknown"),
        ("a b", "unknown"),
        ("x) by evil.example (y", "unknown"),
        ("a@b", "unknown"),
        ("<a>", "unknown"),
        ('"a"', "unknown"),
        ("a;b", "unknown"),
        ("a..b", "unknown"),
        ("[x]", "unknown"),
        ("a" * 256, "unknown"),
    ],
)
def test_a_name_in_received_is_a_name(mail_store: MailStore, helo: str, name: str) -> None:
    """What a client called itself is copied if it is a domain or an address literal (RFC 5321 4.4)."""
    delivery(mail_store, trace=True).deliver(envelope("alice@lab.test", helo=helo), CONTENT)
    ((content,),) = inbox_contents(mail_store).values()
    assert f"\r\nReceived: from {name} ([".encode() in content


@pytest.mark.parametrize("length", [10, 60, 200, 900, 1_000, 20_000])
def test_trace_headers_have_short_lines(mail_store: MailStore, length: int) -> None:
    """Lines are folded at 78 octets where that is possible, and none is longer than RFC 5322 2.1.1 allows."""
    helo, sender = ".".join(["abcdefghi"] * (min(length, 250) // 10)), "s" * length
    delivery(mail_store, trace=True).deliver(envelope("alice@lab.test", helo=helo, sender=sender), CONTENT)
    ((content,),) = inbox_contents(mail_store).values()
    lines = content.removesuffix(CONTENT).split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert all(len(line) <= 78 or b" " not in line.strip() or len(line.split(b" ")) == 2 for line in lines)
    assert (b"Return-Path: <" in content) is (length < 1_000)
