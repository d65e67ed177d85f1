"""The session over the real delivery and store: what 250 promises is in the mailbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from labserver.clock import FixedClock, SeededEntropy
from labserver.errors import StoreError
from labserver.limits import Limits
from labserver.mailstore.delivery import Delivery
from labserver.mailstore.directory import Directory
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.mailstore.storage import Change
    from tests.smtp.conftest import Client, Connect, Mailroom


class FailingStorage(MemoryStorage):
    """A disk that can be told to be full."""

    broken = False

    def commit(self, changes: Sequence[Change]) -> None:
        """Commit, or not."""
        if self.broken:
            raise StoreError("The disk is full.")
        super().commit(changes)


class House:
    """A store with its directory; strict: there are alice and bob, and nobody else."""

    def __init__(self, limits: Limits) -> None:
        self.storage = FailingStorage()
        self.store = MailStore(storage=self.storage, limits=limits, clock=FixedClock())
        directory = Directory(entropy=SeededEntropy("smtp"), catch_all=None)
        self.delivery = Delivery(store=self.store, directory=directory, clock=FixedClock())

    def inbox(self, account: str) -> list[bytes]:
        """Return the messages of an account, which need not exist yet."""
        known = self.store.accounts.get(account)
        return [message.content for message in known.mailboxes["INBOX"].messages] if known else []


LIMITS = Limits(mailbox_messages=2, mailbox_size=100, message_size=80)


@pytest.fixture
def house() -> House:
    """Return an empty house with small mailboxes."""
    return House(LIMITS)


@pytest.fixture
def mailroom(house: House) -> Mailroom:
    """Let ``connect`` use the real delivery."""
    return cast("Mailroom", house.delivery)


def send(client: Client, *recipients: str, content: str = "hi") -> list[str]:
    """Send a message; return the codes from RCPT on, without DATA's own."""
    hello = "LHLO x" if client.link.service == "lmtp" else "EHLO x"
    codes = client.codes(hello, "MAIL FROM:<a@b>", *(f"RCPT TO:<{name}>" for name in recipients), "DATA")[2:]
    return codes[:-1] + (client.codes(content, ".") if codes[-1] == "354 End" else codes[-1:])


def test_accepted_mail_is_in_the_mailbox(connect: Connect, house: House) -> None:
    """One copy in each account's INBOX, as it was sent, with its envelope."""
    assert send(connect(), "alice@lab.test", "Bob+tag@lab.test", "alice+x@lab.test") == ["250 2.1.5"] * 3 + [
        "250 2.0.0"
    ]
    assert house.inbox("alice") == house.inbox("bob") == [b"hi\r\n"]
    envelope = house.store.accounts["alice"].mailboxes["INBOX"].messages[0].envelope
    assert envelope is not None
    assert [recipient.address for recipient in envelope.recipients] == [
        "alice@lab.test",
        "Bob+tag@lab.test",
        "alice+x@lab.test",
    ]


def test_postmaster_gets_mail_without_a_domain(connect: Connect, house: House) -> None:
    """RFC 5321 4.5.1: there is always somebody."""
    assert send(connect(), "Postmaster") == ["250 2.1.5", "250 2.0.0"]
    assert house.inbox("alice") == [b"hi\r\n"]


def test_unknown_recipient(connect: Connect, house: House) -> None:
    """Strict: 550 for who is not there, and the others get the mail."""
    assert send(connect(), "carol@lab.test", "alice@lab.test") == ["550 5.1.1", "250 2.1.5", "250 2.0.0"]
    assert house.inbox("alice") == [b"hi\r\n"]


def test_full_mailbox_is_known_at_rcpt(connect: Connect, house: House) -> None:
    """A mailbox at its limit refuses the recipient; nothing that was acknowledged goes away."""
    for _ in range(2):
        assert send(connect(), "alice@lab.test")[-1] == "250 2.0.0"
    assert send(connect(), "alice@lab.test") == ["452 4.2.2", "503 5.5.1"]
    assert len(house.inbox("alice")) == 2


def test_full_mailbox_after_the_data(connect: Connect, house: House) -> None:
    """Where only the data shows that there is no room, SMTP keeps it for nobody and LMTP for those who have it."""
    send(connect(), "alice@lab.test", content="x" * 50)
    recipients = ("alice@lab.test", "bob@lab.test")
    assert send(connect(), *recipients, content="y" * 60)[2:] == ["452 4.2.2"]
    assert house.inbox("bob") == []
    assert send(connect("lmtp"), *recipients, content="y" * 60)[2:] == ["452 4.2.2", "250 2.0.0"]
    assert house.inbox("bob") == [b"y" * 60 + b"\r\n"]
    assert house.inbox("alice") == [b"x" * 50 + b"\r\n"]


def test_broken_storage_is_never_acknowledged(connect: Connect, house: House) -> None:
    """While the storage fails the answer is 451; when it works again so does the session."""
    client = connect()
    house.storage.broken = True
    assert send(client, "alice@lab.test")[-1] == "451 4.3.0"
    house.storage.broken = False
    assert house.inbox("alice") == []
    assert send(client, "alice@lab.test")[-1] == "250 2.0.0"
    assert house.inbox("alice") == [b"hi\r\n"]
