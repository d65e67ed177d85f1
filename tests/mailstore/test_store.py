"""The store as a whole: UIDVALIDITY for all time, errors before any change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from labserver.clock import FixedClock
from labserver.errors import LimitExceededError, StoreError
from labserver.limits import Limits
from labserver.mailstore.message import Draft
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import MemoryStorage, MessagesAdded, MessagesRemoved
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from labserver.mailstore.account import Account
    from labserver.mailstore.storage import Change


class RecordingStorage(MemoryStorage):
    """Remembers commits; refuses them when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[Change]] = []
        self.refusing = False

    def commit(self, changes: Sequence[Change]) -> None:
        """Keep the changes for the test, or refuse."""
        if self.refusing:
            raise StoreError("the disk is full")
        self.commits.append(list(changes))


def validities(store: MailStore) -> list[int]:
    """Return the UIDVALIDITY of every mailbox."""
    return [box.uid_validity for account in store.accounts.values() for box in account.mailboxes.values()]


def test_uid_validity_is_the_time_and_unique(mail_store: MailStore) -> None:
    """It begins with the clock's seconds and is never given twice."""
    for name in ("alice", "bob"):
        mail_store.account(name)
    seconds = int(FixedClock().moment.timestamp())
    assert validities(mail_store) == list(range(seconds, seconds + 12))


def test_uid_validity_grows_when_a_mailbox_is_made_again(mail_account: Account) -> None:
    """Delete and create of one name within one second is another mailbox, also when the clock goes back."""
    given = []
    for _ in range(3):
        mailbox = mail_account.create("again")
        assert mailbox is not None
        given.append(mailbox.uid_validity)
        mail_account.delete("again")
    assert given == sorted(set(given))


def test_uid_validity_follows_the_clock() -> None:
    """A later mailbox has the later time."""
    clock = FixedClock()
    account = MailStore(clock=clock).account("alice")
    clock.moment += timedelta(hours=1)
    mailbox = account.create("later")
    assert mailbox is not None
    assert mailbox.uid_validity == int(clock.moment.timestamp())


def test_accounts_are_limited(open_mail_store: Callable[[Limits], MailStore]) -> None:
    """The account beyond is refused; the others are still given."""
    store = open_mail_store(Limits(accounts=1))
    alice = store.account("alice")
    with pytest.raises(LimitExceededError):
        store.account("bob")
    assert store.account("alice") is alice
    assert list(store.accounts) == ["alice"]


_MUTATIONS: dict[str, Callable[[Account], object]] = {
    "append": lambda account: account.mailboxes["INBOX"].append([Draft(content=b"x", flags=frozenset({"New"}))]),
    "flags": lambda account: account.mailboxes["INBOX"].change_flags(
        [(message, frozenset({"New"})) for message in account.mailboxes["INBOX"].messages]
    ),
    "expunge": lambda account: account.mailboxes["INBOX"].expunge(account.mailboxes["INBOX"].messages),
    "copy": lambda account: account.mailboxes["INBOX"].copy(
        account.mailboxes["INBOX"].messages, account.mailboxes["Sent"]
    ),
    "move": lambda account: account.mailboxes["INBOX"].move(
        account.mailboxes["INBOX"].messages, account.mailboxes["Sent"]
    ),
    "recent": lambda account: setattr(account.mailboxes["INBOX"], "first_recent", 2),
    "create": lambda account: account.create("a/b"),
    "create container": lambda account: account.create("a/b/"),
    "delete": lambda account: account.delete("Sent"),
    "rename": lambda account: account.rename("Sent", "a/b"),
    "rename inbox": lambda account: account.rename("INBOX", "a/b"),
    "subscribe": lambda account: account.subscribe("x"),
    "unsubscribe": lambda account: account.unsubscribe("Sent"),
}


def picture(account: Account) -> object:
    """Everything about an account that can be seen."""
    return (
        {
            name: (
                mailbox.name,
                mailbox.uid_next,
                mailbox.highest_modseq,
                mailbox.first_recent,
                mailbox.size,
                list(mailbox.keywords),
                mailbox.removed,
                [(message.uid, message.flags, message.modseq) for message in mailbox.messages],
            )
            for name, mailbox in account.mailboxes.items()
        },
        set(account.containers),
        set(account.subscriptions),
    )


@pytest.mark.parametrize("mutation", _MUTATIONS.values(), ids=_MUTATIONS)
def test_every_mutation_is_one_commit_or_nothing(mutation: Callable[[Account], object]) -> None:
    """What the storage refuses has changed nothing and told nobody; what it takes is one commit."""
    storage = RecordingStorage()
    account = MailStore(storage=storage).account("alice")
    inbox = account.mailboxes["INBOX"]
    inbox.append([Draft(content=b"one"), Draft(content=b"two")])
    events: list[object] = []
    for mailbox in account.mailboxes.values():
        mailbox.observe(events.append)
    before = picture(account)
    storage.refusing = True
    with pytest.raises(StoreError, match="disk is full"):
        mutation(account)
    assert picture(account) == before
    assert events == []
    storage.refusing = False
    storage.commits.clear()
    mutation(account)
    assert len(storage.commits) == 1
    assert picture(account) != before


def test_a_new_account_is_one_commit_or_nothing() -> None:
    """An account whose mailboxes could not be kept is not there."""
    storage = RecordingStorage()
    store = MailStore(storage=storage)
    storage.refusing = True
    with pytest.raises(StoreError):
        store.account("alice")
    assert store.accounts == {}
    storage.refusing = False
    store.account("alice")
    assert len(storage.commits) == 1


def test_a_move_is_added_before_it_is_removed() -> None:
    """In this order a storage that counts references never drops the octets in between."""
    storage = RecordingStorage()
    account = MailStore(storage=storage).account("alice")
    inbox = account.mailboxes["INBOX"]
    inbox.move(inbox.append([Draft(content=b"x")]), account.mailboxes["Sent"])
    assert [type(change) for change in storage.commits[-1]] == [MessagesAdded, MessagesRemoved]


def test_appending_to_several_mailboxes_is_all_or_nothing(mail_store: MailStore) -> None:
    """One mailbox that cannot take it keeps it out of all; a batch for none is left out."""
    alice, bob = (mail_store.account(name).mailboxes["INBOX"] for name in ("alice", "bob"))
    draft = Draft(content=b"x")
    stored = mail_store.append({alice: [draft], bob: [draft]})
    assert [messages[0].content for messages in stored.values()] == [b"x", b"x"]
    mail_store.accounts["bob"].create("gone")
    gone = mail_store.accounts["bob"].mailboxes["gone"]
    mail_store.accounts["bob"].delete("gone")
    with pytest.raises(StoreError):
        mail_store.append({alice: [draft], gone: [draft]})
    assert len(alice.messages) == 1
    assert mail_store.append({alice: []}) == {}


def test_removed_account(mail_store: MailStore) -> None:
    """An account goes with its mail; whoever has its mailbox open sees it deleted; one of its name begins anew."""
    for name in ("alice", "bob"):
        mail_store.account(name).create("a/b")
    inbox = mail_store.account("alice").mailbox("INBOX")
    assert inbox is not None
    inbox.append([Draft(content=b"Subject: gone\r\n\r\n")])
    mail_store.remove("alice")
    mail_store.remove("alice")
    assert list(mail_store.accounts) == ["bob"]
    assert inbox.removed
    again = mail_store.account("alice").mailbox("INBOX")
    assert again is not None
    assert not again.messages
    assert mail_store.account("alice").mailbox("a/b") is None
    assert mail_store.account("bob").mailbox("a/b") is not None


def test_removed_account_stays_removed(tmp_path: Path) -> None:
    """A store file that is opened again has nothing of it."""
    path = tmp_path / "lab.db"
    store = MailStore(storage=SqliteStorage(path))
    for name in ("alice", "bob"):
        store.account(name).create("a/b")
    store.remove("alice")
    store.close()
    store = MailStore(storage=SqliteStorage(path))
    assert list(store.accounts) == ["bob"]
    assert store.account("alice").mailbox("a/b") is None
    store.close()
