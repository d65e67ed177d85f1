"""What makes the store last: a vocabulary of changes and the interface that commits them.

A storage gets one call per mutating operation, with everything that operation changes, before memory changes. It keeps
all of it or raises StoreError having kept nothing. A mailbox is named by its UIDVALIDITY, which no other mailbox of the
store ever has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from labserver.budget import Budget
from labserver.errors import LabFullError, StoreError
from labserver.mailstore.cache import Resident
from labserver.mailstore.properties import Properties
from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from labserver.mailstore.message import Message
    from labserver.mailstore.properties import Property

__all__ = [
    "PER_MESSAGE",
    "AccountAdded",
    "AccountRemoved",
    "Change",
    "ContainerAdded",
    "ContainerRemoved",
    "Contents",
    "FlagsStored",
    "MailboxAdded",
    "MailboxRemoved",
    "MailboxRenamed",
    "MemoryStorage",
    "MessagesAdded",
    "MessagesRemoved",
    "RecentClaimed",
    "Storage",
    "StoredAccount",
    "StoredMailbox",
    "SubscriptionAdded",
    "SubscriptionRemoved",
    "growth",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountAdded:
    """An account was made."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRemoved:
    """An account, which had no mailboxes any more, was removed with its containers and subscriptions."""

    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAdded:
    """An empty mailbox was made; its UIDVALIDITY is the highest the store ever gave."""

    account: str
    name: str
    uid_validity: int
    special_use: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRemoved:
    """A mailbox was deleted, with its messages."""

    mailbox: int
    messages: Sequence[Message]
    let_go: bool = True
    """As of messages that were expunged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRenamed:
    """A mailbox has another name."""

    mailbox: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerAdded:
    r"""A ``\Noselect`` name was made."""

    account: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRemoved:
    r"""A ``\Noselect`` name was deleted, or became a mailbox."""

    account: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionAdded:
    """A name was subscribed to."""

    account: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRemoved:
    """A name was unsubscribed from."""

    account: str
    name: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesAdded:
    """Messages were appended; the mailbox's counters are now these."""

    mailbox: int
    messages: Sequence[Message]
    uid_next: int
    modseq: int
    keywords: Sequence[str] | None
    """All of the mailbox's keywords when they are others than before, else None."""
    delta: Mapping[frozenset[str], int] = field(default_factory=dict)
    octets: int | None = None
    """Of all messages, None if nobody has added them up."""
    copies: Sequence[Message] = ()
    """Messages of the mailbox ``source`` of which these are copies, one of each, as they are when it is committed."""
    source: int = 0
    prepared: Preparation | None = None
    """What has been written of it already, all of it with the source's messages as they were then."""
    changed: Collection[Message] = ()
    """Which of ``copies`` changed since the preparation began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesRemoved:
    """Messages were expunged."""

    mailbox: int
    messages: Sequence[Message]
    """In ascending UID."""
    modseq: int
    keywords: Sequence[str] | None
    """All of the mailbox's keywords when one is forgotten, else None."""
    delta: Mapping[frozenset[str], int] = field(default_factory=dict)
    """How many messages more have each set of flags; for memory, like that of the other changes."""
    octets: int | None = None
    """Of all messages, None if nobody has added them up."""
    let_go: bool = True
    """The octets are let go of now, and not by :meth:`Storage.let_go` later."""
    keeps_octets: bool = False
    """All messages were copied in the same commit, so that no octets go with them."""
    prepared: Preparation | None = None
    """What has been written of it already; the same as that of the copies, if it is a move."""
    changed: Collection[Message] = ()
    """Which of ``messages`` changed since the preparation began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsStored:
    """Messages have other flags."""

    mailbox: int
    messages: Sequence[Message]
    flags: Sequence[frozenset[str]]
    """The new ones of each."""
    modseq: int
    keywords: Sequence[str] | None
    """All of the mailbox's keywords when they are others than before, else None."""
    delta: Mapping[frozenset[str], int] = field(default_factory=dict)
    prepared: Preparation | None = None
    """What has been written of it already."""
    changed: Collection[Message] = ()
    """Messages that changed since the preparation began, those of ``messages`` among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentClaimed:
    r"""A session took the ``\Recent`` messages below this UID."""

    mailbox: int
    first_recent: int


Change = (
    AccountAdded
    | AccountRemoved
    | MailboxAdded
    | MailboxRemoved
    | MailboxRenamed
    | ContainerAdded
    | ContainerRemoved
    | SubscriptionAdded
    | SubscriptionRemoved
    | MessagesAdded
    | MessagesRemoved
    | FlagsStored
    | RecentClaimed
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMailbox:
    """A mailbox as it was kept; the fields are those of :class:`labserver.mailstore.mailbox.Mailbox`."""

    name: str
    uid_validity: int
    special_use: str | None = None
    uid_next: int = 1
    highest_modseq: int = 1
    first_recent: int = 1
    keywords: Sequence[str] = ()
    messages: Sequence[Message] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """An account as it was kept."""

    name: str
    mailboxes: Sequence[StoredMailbox]
    containers: frozenset[str] = frozenset()
    subscriptions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Everything a storage kept from earlier."""

    accounts: Sequence[StoredAccount] = field(default_factory=list)
    last_uid_validity: int = 0
    """The highest UIDVALIDITY ever given, to mailboxes since deleted too."""


class Preparation(Protocol):
    """A change of many messages that is written some messages at a time, in short steps, and is hidden until a commit.

    Each step raises what :meth:`Storage.commit` raises.
    """

    def flags(self, mailbox: int, messages: Sequence[Message], flags: Sequence[frozenset[str]]) -> None:
        """Prepare that messages get other flags."""

    def removal(self, mailbox: int, messages: Sequence[Message]) -> None:
        """Prepare that messages go."""

    def copy(self, mailbox: int, messages: Sequence[Message], flags: Sequence[frozenset[str]], *, moved: bool) -> None:
        """Prepare copies, with these flags, behind those prepared before; ``moved``: they replace the messages."""

    def close(self) -> None:
        """Forget what was not committed."""


class Storage(Protocol):
    """Where the store's content lasts."""

    @property
    def properties(self) -> Properties:
        """What messages have besides what every storage keeps."""

    def load(self) -> Contents:
        """Return everything kept; called once, before any commit."""

    def commit(self, changes: Sequence[Change]) -> None:
        """Keep all of ``changes``, in their order, or raise StoreError and keep none of them."""

    def prepare(self, messages: int, *, seen: int) -> Preparation | None:
        """Return what prepares a change of so many messages, None if a commit of them is short anyway.

        What changes with a modification sequence above ``seen`` in the meantime is not touched by what was prepared: it
        is written with the commit, if the change has it.
        """

    def settle(self) -> int:
        """Do a short step of what commits left to be done; return how many messages it was about, 0 for nothing left.

        Nothing depends on it but room in memory and on the disk.
        """

    def let_go(self, messages: Sequence[Message]) -> None:
        """Let go of the octets of messages that were removed and not let go of; few at a time."""

    def close(self) -> None:
        """Release what is held; nothing is called afterwards."""


PER_MESSAGE = 256
"""Octets counted for a message in a mailbox besides its content, a copy too."""


def growth(changes: Sequence[Change]) -> int:
    """Return the octets that ``changes`` add to what is counted for messages, content apart; negative if they go."""
    messages = 0
    for change in changes:
        if isinstance(change, MessagesAdded):
            messages += len(change.messages)
        elif isinstance(change, MessagesRemoved | MailboxRemoved):
            messages -= len(change.messages)
    return PER_MESSAGE * messages


class MemoryStorage:
    """Nothing lasts: the store is memory, and that is all; ``budget`` is how much of it.

    Of that, readers leave at most an eighth with the messages. It stays there until the messages go: a mailbox that is
    too large for it is gone through from one end to the other, and would only push out what is needed next.
    """

    def __init__(self, budget: Budget | None = None, *, properties: Sequence[Property] = ()) -> None:
        self.properties = Properties(properties)
        self._budget = budget or Budget()
        self._resident = Resident(Budget(self._budget.limit // 8, within=self._budget))

    def load(self) -> Contents:
        """Return nothing."""
        return Contents()

    def commit(self, changes: Sequence[Change]) -> None:
        """Take the octets of new messages into memory, or raise LabFullError."""
        more = growth(changes)
        if more > 0 and not self._budget.take(more):
            raise LabFullError
        try:
            for change in changes:
                if isinstance(change, MessagesAdded) and not change.copies:  # copies have their octets and their keeper
                    for message in change.messages:
                        self._resident.take(message, self._budget)  # what fails goes with the change, and its count
        except StoreError:
            self._budget.give(max(0, more))
            raise
        self._budget.give(max(0, -more))
        for change in changes:
            if isinstance(change, MessagesRemoved | MailboxRemoved) and change.let_go:
                self.let_go(change.messages)

    def prepare(self, messages: int, *, seen: int) -> None:
        """Return None: memory needs no preparation."""

    def settle(self) -> int:
        """Return 0: nothing is left."""
        return 0

    def let_go(self, messages: Sequence[Message]) -> None:
        """Forget the octets."""
        for message in messages:
            self._resident.drop(message)

    def close(self) -> None:
        """Do nothing."""
