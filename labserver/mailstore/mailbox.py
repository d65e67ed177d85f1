"""A mailbox: messages in ascending UID, their flags, counters that never go back, and those who watch.

Theory of operation: an operation first *prepares* values that say everything it will change (and raises whatever there
is to raise), commits them to the storage in one call, and only then applies them to memory and tells the observers.
Observers take notes; they must not change the mailbox from inside the call.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from labserver.errors import LimitExceededError, StoreError
from labserver.mailstore.flags import FlagChange, FlagSets
from labserver.mailstore.message import Body, Draft, Message
from labserver.mailstore.moments import packed
from labserver.mailstore.planning import in_pieces
from labserver.mailstore.storage import FlagsStored, MessagesAdded, MessagesRemoved, RecentClaimed
from labserver.values import quick

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from labserver.clock import Clock
    from labserver.limits import Limits
    from labserver.mailstore.properties import Kept
    from labserver.mailstore.storage import Preparation, Storage, StoredMailbox

__all__ = ["Appended", "Expunged", "FlagsChanged", "Mailbox", "MailboxEvent", "Removed"]

_LOG = logging.getLogger(__name__)
_FEW = 32
"""Up to so many messages, deleting one by one is cheaper than making the list anew."""
_uid = attrgetter("uid")
_size = attrgetter("size")


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """New messages at the end."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expunged:
    """Messages are gone; in ascending UID."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagsChanged:
    """Messages have other flags than before."""

    messages: tuple[Message, ...]
    origin: object | None
    """Who changed them, so that the one who did need not be told."""
    before: tuple[Sequence[frozenset[str]], Sequence[int]]
    """The flags of each as they were, and the modification sequences."""
    _states: list[dict[Message, tuple[frozenset[str], int]]] = field(
        init=False, default_factory=list, repr=False, compare=False
    )

    def states(self) -> Mapping[Message, tuple[frozenset[str], int]]:
        """Return ``before`` by message: one value for all who ask, made when the first one does."""
        if not self._states:
            self._states.append(dict(zip(self.messages, zip(*self.before, strict=True), strict=True)))
        return self._states[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """The mailbox was deleted. Its messages have no octets any more, and every change raises ``NONEXISTENT``."""


MailboxEvent = Appended | Expunged | FlagsChanged | Removed


class Mailbox:
    """One mailbox of an account; made by :class:`labserver.mailstore.account.Account` only."""

    def __init__(self, stored: StoredMailbox, *, storage: Storage, limits: Limits, clock: Clock) -> None:
        self.name = stored.name
        self.uid_validity = stored.uid_validity
        """Unique in the store for all time; also the mailbox's name towards the storage."""
        self.uid_next = stored.uid_next
        self.highest_modseq = stored.highest_modseq
        self.special_use = stored.special_use
        r"""``\Sent`` … (RFC 6154), or None."""
        self.messages: list[Message] = list(stored.messages)
        """Ascending UID; always this list object. Read-only for others."""
        self._flags = FlagSets(stored.keywords, (message.flags for message in self.messages), most=limits.keywords)
        self.keywords = self._flags.keywords
        """Those that a message has, in order of first use; always this list object. Read-only for others."""
        self.keyword_changes = 0
        """How often :attr:`keywords` changed."""
        self.size = sum(message.size for message in self.messages)
        """Octets of all messages."""
        self.removals = 0
        """How often messages were removed; for plans that take their time."""
        self.removed = False
        """The mailbox was deleted."""
        self._first_recent = stored.first_recent
        self._observers: dict[Callable[[MailboxEvent], None], None] = {}
        self._owner: object | None = None
        self.properties = storage.properties
        """What messages have besides what every store keeps."""
        self._storage = storage
        self._limits = limits
        self._clock = clock

    def __repr__(self) -> str:
        return f"<Mailbox {self.name!r} {self.uid_validity}: {len(self.messages)} messages>"

    @property
    def first_recent(self) -> int:
        r"""UIDs from here on are ``\Recent`` for the next read-write SELECT, which sets this to ``uid_next``."""
        return self._first_recent

    @first_recent.setter
    def first_recent(self, uid: int) -> None:
        if uid != self._first_recent:
            self.require()
            self._storage.commit([RecentClaimed(mailbox=self.uid_validity, first_recent=uid)])
            self._first_recent = uid

    def append(self, drafts: Sequence[Draft]) -> list[Message]:
        """Add messages at the end, all or none, and return them.

        Raise LimitExceededError (``TOOBIG``, ``LIMIT``, ``OVERQUOTA``) or StoreError.
        """
        return self._commit_addition(self.plan_append(drafts, {}))

    def change_flags(self, changes: Sequence[tuple[Message, frozenset[str]]], *, origin: object | None = None) -> None:
        """Give each message its new set of flags; one modification sequence for all that really change.

        Messages already expunged are passed over: nothing of them is left to change. Raise LimitExceededError
        (``LIMIT``) when there would be too many keywords. Where the disk is full, what fits is done in pieces.
        """
        in_pieces(lambda piece: self._change_flags(piece, origin), changes)

    def _change_flags(self, changes: Sequence[tuple[Message, frozenset[str]]], origin: object | None) -> None:
        self.require()
        plan = FlagChange(self._flags)
        wanted = {message: plan.spelled(flags) for message, flags in changes if self.holds(message)}
        real = {message: flags for message, flags in wanted.items() if message.flags != flags}
        for message, flags in real.items():
            plan.come(flags)
            plan.go(message.flags)
        self.commit_flags(list(real), list(real.values()), plan, origin=origin)

    def commit_flags(
        self,
        messages: Sequence[Message],
        flags: Sequence[frozenset[str]],
        plan: FlagChange,
        *,
        origin: object | None = None,
        prepared: Preparation | None = None,
        changed: Collection[Message] = (),
        before: tuple[Sequence[frozenset[str]], Sequence[int]] | None = None,
    ) -> None:
        """Give messages that are here their new flags, each a set that the plan has spelled and counted.

        ``changed`` are those that changed since it was ``prepared``. ``before`` is what they have now, if somebody has
        made those lists already.
        """
        if not messages:
            return
        change = FlagsStored(
            mailbox=self.uid_validity,
            messages=messages,
            flags=flags,
            modseq=self.highest_modseq + 1,
            keywords=plan.keywords(),
            delta=plan.delta,
            prepared=prepared,
            changed=changed,
        )
        self._storage.commit([change])
        if before is None:
            before = [message.flags for message in messages], [message.modseq for message in messages]
        modseq = change.modseq
        for message, new in zip(messages, flags, strict=True):
            message.flags = new
            message.modseq = modseq
        self._advance(change)
        self._tell(FlagsChanged(messages=tuple(messages), origin=origin, before=before))

    def expunge(self, messages: Collection[Message]) -> None:
        """Remove messages for good, in pieces where the disk is full; those already gone are passed over."""
        in_pieces(lambda piece: self.commit(None, None, self.plan_removal(piece)), list(messages))

    def copy(self, messages: Sequence[Message], target: Mailbox) -> list[Message]:
        """Add copies to ``target`` with their flags and internal dates, all or none, and return them.

        Raise LimitExceededError, or StoreError (``EXPUNGEISSUED``) when a message is no longer here.
        """
        return target._commit_addition(self._plan_transfer(messages, target))

    def move(self, messages: Sequence[Message], target: Mailbox) -> list[Message]:
        """Do :meth:`copy` and :meth:`expunge` in one transaction (RFC 6851); ``target`` may be this mailbox."""
        addition, removal = self.plan_move(messages, target)
        self.commit(target, addition, removal)
        return list(addition.messages)

    def commit(self, target: Mailbox | None, addition: MessagesAdded | None, removal: MessagesRemoved | None) -> None:
        """Commit what is added to ``target`` and removed here, in one transaction, and apply it."""
        changes = [change for change in (addition, removal) if change is not None and change.messages]
        if changes:
            self._storage.commit(changes)
        self.apply(target, addition, removal)

    def apply(self, target: Mailbox | None, addition: MessagesAdded | None, removal: MessagesRemoved | None) -> None:
        """Apply what was committed."""
        if target is not None and addition is not None and addition.messages:
            target.apply_addition(addition)
        if removal is not None and removal.messages:
            self.apply_removal(removal)

    def prepare(self, messages: int, *, seen: int) -> Preparation | None:
        """Return what prepares a change of so many messages as they were at the modification sequence ``seen``.

        None if it needs no preparation.
        """
        return self._storage.prepare(messages, seen=seen)

    def settle(self) -> int:
        """Do a short step of what was left to be done; return how many messages it was about, 0 for nothing left."""
        return self._storage.settle()

    def let_go(self, messages: Sequence[Message]) -> None:
        """Let go of the octets of messages whose removal did not."""
        self._storage.let_go(messages)

    def beginning(self) -> Callable[[int, Message], Kept]:
        """Return what gives copies that come into this mailbox now their properties, by internal date and original."""
        return partial(self.properties.begin, packed(self._clock.now()))

    def flag_change(self) -> FlagChange:
        """Return a plan for flags, in which nothing has happened yet."""
        return FlagChange(self._flags)

    def observe(self, observer: Callable[[MailboxEvent], None]) -> None:
        """Call ``observer`` with every event from now on, after the fact."""
        self._observers[observer] = None

    def forget(self, observer: Callable[[MailboxEvent], None]) -> None:
        """Call ``observer`` no more."""
        self._observers.pop(observer, None)

    def lock(self, owner: object) -> bool:
        """Give ``owner`` the maildrop lock (RFC 1939 4); False when another has it. IMAP sessions do not ask for it."""
        if self._owner is None:
            self._owner = owner
        return self._owner is owner

    def unlock(self, owner: object) -> None:
        """Release the maildrop lock if ``owner`` has it."""
        if self._owner is owner:
            self._owner = None

    def holds(self, message: Message) -> bool:
        """Return whether this very message is still here."""
        index = bisect_left(self.messages, message.uid, key=_uid)
        return index < len(self.messages) and self.messages[index] is message

    def spelled(self, flags: Iterable[str]) -> frozenset[str]:
        """Return flags with each keyword as it is spelled in this mailbox; case makes no difference."""
        return frozenset(self._flags.spelling(flag) or flag for flag in flags)

    @property
    def takes_keywords(self) -> bool:
        """Whether there is room for another keyword."""
        return len(self.keywords) < self._flags.most

    def require(self) -> None:
        """Raise StoreError (``NONEXISTENT``) when the mailbox was deleted."""
        if self.removed:
            raise StoreError(f"The mailbox {self.name!r} was deleted.", code="NONEXISTENT")

    def check_room(self, *, messages: int, octets: int) -> None:
        """Raise LimitExceededError (``LIMIT``, ``OVERQUOTA``) when so much more would be too much."""
        if len(self.messages) + messages > self._limits.mailbox_messages:
            raise LimitExceededError(
                f"{self.name!r} cannot hold more than {self._limits.mailbox_messages} messages.", code="LIMIT"
            )
        if self.size + octets > self._limits.mailbox_size:
            raise LimitExceededError(
                f"{self.name!r} cannot hold more than {self._limits.mailbox_size} octets.", code="OVERQUOTA"
            )

    def retire(self) -> None:
        """Become a deleted mailbox; the account has committed that."""
        self.removed = True
        self._tell(Removed())

    def plan_append(self, drafts: Iterable[Draft], bodies: dict[int, Body]) -> MessagesAdded:
        """Return the change that appending would be, or raise; for a commit that spans mailboxes.

        ``bodies`` are those made in the same commit so far by the identity of their draft, so that they are kept once.
        """
        now = packed(self._clock.now())
        return self._plan_addition([self._seed(draft, bodies, now) for draft in drafts], now)

    def apply_addition(self, change: MessagesAdded) -> None:
        """Let memory and the observers follow the storage."""
        self.messages.extend(change.messages)
        self.size += sum(map(_size, change.messages)) if change.octets is None else change.octets
        self.uid_next = change.uid_next
        self._advance(change)
        self._tell(Appended(messages=tuple(change.messages)))

    def plan_move(self, messages: Sequence[Message], target: Mailbox) -> tuple[MessagesAdded, MessagesRemoved]:
        """Return the changes that moving would be, or raise."""
        removal = self.plan_removal(messages)
        if target is not self:
            return self._plan_transfer(messages, target), removal
        # What leaves comes again with the same flags, so that no keyword is forgotten between the two.
        return self._plan_transfer(messages, self, leaving=removal.messages), replace(removal, keywords=None)

    def plan_removal(self, messages: Iterable[Message]) -> MessagesRemoved:
        """Return the change that expunging those of ``messages`` that are here would be, or raise."""
        self.require()
        present = sorted({message for message in messages if self.holds(message)}, key=_uid)
        plan = FlagChange(self._flags)
        for message in present:
            plan.go(message.flags)
        return MessagesRemoved(
            mailbox=self.uid_validity,
            messages=present,
            modseq=self.highest_modseq + 1,
            keywords=plan.keywords(),
            delta=plan.delta,
        )

    def apply_removal(self, change: MessagesRemoved) -> None:
        """Let memory and the observers follow the storage."""
        first = bisect_left(self.messages, change.messages[0].uid, key=_uid)
        behind = first + len(change.messages)
        if self.messages[behind - 1 : behind] == [change.messages[-1]]:  # one after the other
            del self.messages[first:behind]
        elif len(change.messages) <= _FEW:
            for message in change.messages:
                del self.messages[bisect_left(self.messages, message.uid, key=_uid)]
        else:
            gone = set(change.messages)
            self.messages[:] = [message for message in self.messages if message not in gone]
        self.size -= sum(map(_size, change.messages)) if change.octets is None else change.octets
        self.removals += 1
        self._advance(change)
        self._tell(Expunged(messages=tuple(change.messages)))

    def _seed(self, draft: Draft, bodies: dict[int, Body], now: int) -> _Seed:
        size = draft.size
        if draft.sent > self._limits.message_size:
            raise LimitExceededError(
                f"A message of {draft.sent} octets is larger than the {self._limits.message_size} allowed.",
                code="TOOBIG",
            )
        body = bodies.get(id(draft))
        if body is None:
            body = bodies[id(draft)] = Body.of(draft)
        arrived = now if draft.internal_date is None else packed(draft.internal_date)
        return _Seed(body, size, draft.flags, arrived)

    def _plan_transfer(
        self, messages: Sequence[Message], target: Mailbox, *, leaving: Collection[Message] = ()
    ) -> MessagesAdded:
        self.require()
        for message in messages:
            if not self.holds(message):
                raise StoreError(f"Message {message.uid} is no longer in {self.name!r}.", code="EXPUNGEISSUED")
        seeds = [_Seed(message.body, message.size, message.flags, message.arrived, message) for message in messages]
        return target._plan_addition(seeds, packed(target._clock.now()), leaving=leaving)

    def _plan_addition(self, seeds: Sequence[_Seed], now: int, *, leaving: Collection[Message] = ()) -> MessagesAdded:
        self.require()
        self.check_room(
            messages=len(seeds) - len(leaving),
            octets=sum(seed.size for seed in seeds) - sum(message.size for message in leaving),
        )
        plan = FlagChange(self._flags)
        modseq = self.highest_modseq + 1
        begin = self.properties.begin
        messages = [
            Message(
                uid=uid,
                flags=plan.come(seed.flags),
                arrived=seed.arrived,
                modseq=modseq,
                body=seed.body,
                size=seed.size,
                properties=begin(now, seed.arrived, seed.original),
            )
            for uid, seed in enumerate(seeds, self.uid_next)
        ]
        return MessagesAdded(
            mailbox=self.uid_validity,
            messages=messages,
            uid_next=self.uid_next + len(messages),
            modseq=modseq,
            keywords=plan.keywords(),
            delta=plan.delta,
        )

    def _commit_addition(self, change: MessagesAdded) -> list[Message]:
        if change.messages:
            self._storage.commit([change])
            self.apply_addition(change)
        return list(change.messages)

    def _advance(self, change: MessagesAdded | MessagesRemoved | FlagsStored) -> None:
        self.highest_modseq = change.modseq
        self._flags.apply(change.keywords, change.delta)
        self.keyword_changes += change.keywords is not None

    def _tell(self, event: MailboxEvent) -> None:
        for observer in list(self._observers):
            try:
                observer(event)
            except Exception:  # noqa: BLE001 -- the change is done: acknowledge it and tell the others
                _LOG.exception("An observer of %r failed on %s", self.name, type(event).__name__)


@quick
@dataclass(frozen=True, slots=True)
class _Seed:
    """What a message is before it has a place."""

    body: Body | int
    size: int
    flags: frozenset[str]
    arrived: int
    original: Message | None = None
    """Of which it is a copy."""
