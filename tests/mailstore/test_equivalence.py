"""Memory and SQLite are one store: any sequence of operations, restarts included, leaves both the same."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from labserver.clock import FixedClock
from labserver.effort import Effort
from labserver.errors import StoreError
from labserver.imap.extensions.properties import SAVED
from labserver.limits import Limits
from labserver.mailstore.envelope import Envelope, Recipient
from labserver.mailstore.message import Draft
from labserver.mailstore.planning import change_flags, expunge, transfer
from labserver.mailstore.properties import Property
from labserver.mailstore.sqlite import SqliteStorage
from labserver.mailstore.storage import MemoryStorage
from labserver.mailstore.store import MailStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.effort import Work
    from labserver.mailstore.account import Account
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.message import Message

PROPERTIES = (
    SAVED,
    Property(name="copies", begins=lambda _moment, original: 0 if original is None else original + 1),
)
LIMITS = Limits(message_size=400, mailbox_messages=12, mailbox_size=2_000, mailboxes=14, accounts=2)
"""Small enough to be reached."""

account_names = st.sampled_from(["alice", "alice", "alice", "bob", "carol"])
mailbox_names = st.sampled_from(
    ["INBOX", "inbox", "Inbox", "inbox/a", "Sent", "Trash", "a", "a/b", "a/b/c", "b/", "b", "é/日本", "", "x\n"]
)
flag_sets = st.frozensets(st.sampled_from(["\\Seen", "\\deleted", "$Forwarded", "$forwarded", "Key", "\\Recent"]))
picks = st.sets(st.integers(0, 12), max_size=8)
drafts = st.builds(
    Draft,
    content=st.one_of(st.binary(max_size=40), st.just(b"y" * 390), st.just(b"z" * 401)),
    flags=flag_sets,
    internal_date=st.one_of(
        st.none(),
        st.datetimes(
            min_value=datetime(1980, 1, 1),  # noqa: DTZ001 -- hypothesis wants naive bounds
            max_value=datetime(2100, 1, 1),  # noqa: DTZ001 -- the same
            timezones=st.sampled_from([UTC, timezone(timedelta(hours=-9, minutes=-30))]),
        ),
    ),
    envelope=st.one_of(
        st.none(),
        st.builds(
            Envelope,
            sender=st.text(max_size=5),
            recipients=st.just((Recipient(address="a@lab.test", parameters={"NOTIFY": "NEVER"}),)),
        ),
    ),
)


def message_picture(message: Message) -> tuple[object, ...]:
    """Everything about a message, its zone included."""
    return (
        message.uid,
        message.flags,
        message.internal_date.isoformat(),
        message.modseq,
        message.size,
        message.content,
        message.envelope,
        message.properties,
    )


def mailbox_picture(mailbox: Mailbox) -> dict[str, object]:
    """Everything about a mailbox."""
    return {
        "name": mailbox.name,
        "uid_validity": mailbox.uid_validity,
        "uid_next": mailbox.uid_next,
        "highest_modseq": mailbox.highest_modseq,
        "first_recent": mailbox.first_recent,
        "special_use": mailbox.special_use,
        "keywords": mailbox.keywords,
        "size": mailbox.size,
        "messages": [message_picture(message) for message in mailbox.messages],
    }


def store_picture(store: MailStore) -> dict[str, object]:
    """Everything about a store."""
    return {
        name: (
            {mailbox_name: mailbox_picture(mailbox) for mailbox_name, mailbox in account.mailboxes.items()},
            account.containers,
            account.subscriptions,
        )
        for name, account in store.accounts.items()
    }


class TwoStores(RuleBasedStateMachine):
    """Does the same to a store in memory and one on a file whose cache holds next to nothing."""

    @initialize()
    def begin(self) -> None:
        """Open both."""
        self.directory = Path(tempfile.mkdtemp())
        self.clock = FixedClock()
        self.memory = MailStore(storage=MemoryStorage(properties=PROPERTIES), limits=LIMITS, clock=self.clock)
        self.file = self.opened()

    def opened(self) -> MailStore:
        """Open the file; changes of more than two messages are written in steps."""
        self.storage = SqliteStorage(self.directory / "lab.db", cache_size=2_000, at_once=2, properties=PROPERTIES)
        return MailStore(storage=self.storage, limits=LIMITS, clock=self.clock)

    def both(self, operation: Callable[[MailStore], object]) -> None:
        """Do it to both; both succeed, or both are refused for the same reason."""
        outcomes: list[tuple[type, str, str] | None] = []
        for store in (self.memory, self.file):
            try:
                operation(store)
            except StoreError as refused:
                outcomes.append((type(refused), refused.code, str(refused)))
            else:
                outcomes.append(None)
        assert outcomes[0] == outcomes[1]

    def in_account(self, name: str, operation: Callable[[Account], object]) -> None:
        """Do it to an account."""
        self.both(lambda store: operation(store.account(name)))

    def in_mailbox(self, account: str, name: str, operation: Callable[[Account, Mailbox], object]) -> None:
        """Do it to a mailbox, if it is there."""

        def attempt(found: Account) -> None:
            mailbox = found.mailbox(name)
            if mailbox is not None:
                operation(found, mailbox)

        self.in_account(account, attempt)

    @rule(account=account_names, name=mailbox_names, batch=st.lists(drafts, max_size=4))
    def append(self, account: str, name: str, batch: list[Draft]) -> None:
        """Append a batch."""
        self.in_mailbox(account, name, lambda _found, mailbox: mailbox.append(batch))

    @rule(batch=st.lists(drafts, max_size=2), accounts=st.sets(account_names))
    def deliver(self, batch: list[Draft], accounts: set[str]) -> None:
        """Append the same drafts to several INBOXes at once."""
        self.both(
            lambda store: store.append({store.account(name).mailboxes["INBOX"]: batch for name in sorted(accounts)})
        )

    @rule(account=account_names, name=mailbox_names, picked=picks, flags=flag_sets)
    def change_flags(self, account: str, name: str, picked: set[int], flags: frozenset[str]) -> None:
        """Give some messages these flags."""
        self.in_mailbox(
            account,
            name,
            lambda _found, mailbox: mailbox.change_flags([(message, flags) for message in chosen(mailbox, picked)]),
        )

    @rule(account=account_names, name=mailbox_names, picked=picks)
    def expunge(self, account: str, name: str, picked: set[int]) -> None:
        """Remove some messages."""
        self.in_mailbox(account, name, lambda _found, mailbox: mailbox.expunge(chosen(mailbox, picked)))

    @rule(account=account_names, name=mailbox_names, other_name=mailbox_names, picked=picks, move=st.booleans())
    def transfer(self, account: str, name: str, other_name: str, picked: set[int], *, move: bool) -> None:
        """Copy or move some messages, perhaps to their own mailbox."""

        def attempt(found: Account, mailbox: Mailbox) -> None:
            other = found.mailbox(other_name)
            if other is not None:
                (mailbox.move if move else mailbox.copy)(chosen(mailbox, picked), other)

        self.in_mailbox(account, name, attempt)

    @rule(
        account=account_names,
        name=mailbox_names,
        other_name=mailbox_names,
        picked=picks,
        flags=flag_sets,
        what=st.sampled_from(["STORE", "COPY", "MOVE", "EXPUNGE"]),
    )
    def change_in_steps(
        self, account: str, name: str, other_name: str, picked: set[int], flags: frozenset[str], what: str
    ) -> None:
        """Change some messages as IMAP does, and leave as soon as it is done: the file has work left."""

        def attempt(found: Account, mailbox: Mailbox) -> None:
            other = found.mailbox(other_name)
            messages, effort = chosen(mailbox, picked), Effort(turn=1)
            before = mailbox.highest_modseq, other.highest_modseq if other else 0
            if what == "STORE":
                work: Work[object] = change_flags(mailbox, messages, lambda old: old ^ flags, effort, origin=None)
            elif what == "EXPUNGE":
                work = expunge(mailbox, messages, effort, marked=lambda message: message.uid % 5 != 0)
            elif other is not None:
                work = transfer(mailbox, messages, other, effort, move=what == "MOVE")
            else:
                return
            for _ in work:
                if (mailbox.highest_modseq, other.highest_modseq if other else 0) != before:
                    break
            work.close()

        self.in_mailbox(account, name, attempt)

    @rule(account=account_names, name=mailbox_names)
    def claim_recent(self, account: str, name: str) -> None:
        """Select read-write."""
        self.in_mailbox(account, name, lambda _found, mailbox: setattr(mailbox, "first_recent", mailbox.uid_next))

    @rule(account=account_names, name=mailbox_names, special_use=st.sampled_from([None, "\\sent", "\\All"]))
    def create(self, account: str, name: str, special_use: str | None) -> None:
        """Make a mailbox."""
        self.in_account(account, lambda found: found.create(name, special_use=special_use))

    @rule(account=account_names, name=mailbox_names)
    def delete(self, account: str, name: str) -> None:
        """Delete a mailbox."""
        self.in_account(account, lambda found: found.delete(name))

    @rule(account=account_names, old=mailbox_names, new=mailbox_names)
    def rename(self, account: str, old: str, new: str) -> None:
        """Rename a mailbox."""
        self.in_account(account, lambda found: found.rename(old, new))

    @rule(account=account_names, name=mailbox_names, subscribe=st.booleans())
    def subscribe(self, account: str, name: str, *, subscribe: bool) -> None:
        """Subscribe or unsubscribe."""
        self.in_account(account, lambda found: (found.subscribe if subscribe else found.unsubscribe)(name))

    @rule(seconds=st.integers(-5, 5))
    def pass_time(self, seconds: int) -> None:
        """Let the clock go on, or back."""
        self.clock.moment += timedelta(seconds=seconds)

    @rule(killed=st.booleans())
    def restart(self, *, killed: bool) -> None:
        """Close the file and open it again; or open what there is of it now, as after a kill."""
        before = self.directory
        if killed:
            self.directory = Path(tempfile.mkdtemp())
            for ending in ("", "-wal"):
                shutil.copyfile(before / f"lab.db{ending}", self.directory / f"lab.db{ending}")
        self.file.close()
        self.file = self.opened()
        if killed:
            shutil.rmtree(before)

    @invariant()
    def the_stores_are_the_same(self) -> None:
        """Everything that can be seen is equal in memory and in use on the file, also when that was opened again."""
        if hasattr(self, "file"):
            assert store_picture(self.file) == store_picture(self.memory)

    @invariant()
    def names_form_trees(self) -> None:
        """Every level above a name exists, no name is both a mailbox and a container."""
        for account in getattr(self, "memory", MailStore()).accounts.values():
            existing = set(account.mailboxes) | account.containers
            assert len(existing) == len(account.mailboxes) + len(account.containers)
            assert {name.rpartition("/")[0] for name in existing} <= existing | {""}

    def teardown(self) -> None:
        """Close the file and remove it."""
        if hasattr(self, "file"):
            self.file.close()
            shutil.rmtree(self.directory)


def chosen(mailbox: Mailbox, picked: set[int]) -> list[Message]:
    """Return the messages at these positions."""
    return [message for position, message in enumerate(mailbox.messages) if position in picked]


TestTwoStores = TwoStores.TestCase
TestTwoStores.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
