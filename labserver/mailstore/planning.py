"""Changes of many messages, planned in turns and then made at once.

Theory of operation. A plan takes turns, in which other sessions may change the mailbox; so nothing is changed before it
is complete, and a plan that is broken off leaves nothing. At its end, without giving way, it is compared with what the
mailbox has become: its modification sequence tells whether anything was changed, each message's own one what. Then
there is one commit. What is removed lets go of its octets in turns again; no session can ask for them any more.

A storage that would take long to write the change is told of it in turns, too, as it is planned
(:class:`labserver.mailstore.storage.Preparation`). If by the end very much of it became wrong, the plan begins again,
a few times at most.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from labserver.effort import GIVE_WAY, in_steps
from labserver.errors import StorageFullError, StoreError, told
from labserver.mailstore.message import Message
from labserver.mailstore.storage import MessagesAdded, MessagesRemoved

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from labserver.effort import Effort, Work
    from labserver.mailstore.mailbox import Mailbox
    from labserver.mailstore.storage import Preparation

    Flags = frozenset[str]

__all__ = ["change_flags", "expunge", "in_pieces", "let_go", "settle", "transfer"]

T = TypeVar("T")

_MADE = 192
"""Units of work to make a message."""
_APPLIED = 64
"""Units for each message to make the change at the end."""
_LET_GO = 128
"""Units to let go of a message's octets."""
_FLAGS = 96
"""Units to find out what a message's flags become."""
_WRITTEN = 1_024
"""Units for each message of a step that a storage takes to prepare a change, or to settle it."""
_COMMITTED = 1_024
"""Units for each message of a commit that is not the last."""
_AT_ONCE = 1_024
"""Messages that are let go of at once."""
_STEP = 512
"""Messages of a step that a storage takes to prepare a change."""
_MOST = 2_000
"""Messages of a prepared change that may be others at its end; and of a commit where there is no room to prepare."""
_PLANS = 4
"""How often a change is planned, the last time without preparing it."""


class _Plan:
    """What a mailbox was when the plan began."""

    def __init__(self, mailbox: Mailbox, effort: Effort) -> None:
        mailbox.require()
        self.mailbox = mailbox
        self.effort = effort
        self.modseq = mailbox.highest_modseq
        self._removals = mailbox.removals

    def present(self, messages: Sequence[Message]) -> Work[list[Message]]:
        """Find those of ``messages`` that are in the mailbox."""
        holds = self.mailbox.holds
        return (
            yield from in_steps(messages, lambda some: [message for message in some if holds(message)], self.effort)
        )

    def still_present(self, messages: list[Message]) -> list[Message]:
        """Return those that nobody removed meanwhile."""
        self.mailbox.require()
        if self.mailbox.removals == self._removals:
            return messages
        here = set(self.mailbox.messages)
        return [message for message in messages if message in here]

    def changed(self, messages: Sequence[Message]) -> set[Message]:
        """Return those whose flags somebody changed meanwhile."""
        if self.mailbox.highest_modseq == self.modseq:
            return set()
        return {message for message in messages if message.modseq > self.modseq}


@contextmanager
def _prepared(plan: _Plan, messages: int, attempt: int) -> Iterator[Preparation | None]:
    """Provide what prepares a change, which is forgotten without a commit; None if it needs none or was tried often."""
    prepared = plan.mailbox.prepare(messages, seen=plan.modseq) if attempt < _PLANS - 1 else None
    try:
        yield prepared
    finally:
        if prepared is not None:
            prepared.close()


def _in_pieces_of(number: int, write: Callable[[slice], None], effort: Effort) -> Work[bool]:
    """Have so many messages written, some after the other; return whether there was room."""
    for start in range(0, number, _STEP):
        some = slice(start, min(start + _STEP, number))
        try:
            write(some)
        except StorageFullError:
            return False
        if effort.spend(_WRITTEN * (some.stop - start)):
            yield GIVE_WAY
    return True


def settle(mailbox: Mailbox, effort: Effort) -> Work[None]:
    """Do what commits left to be done, in turns; when nobody waits any more, further commits do it."""
    while done := mailbox.settle():
        if effort.spend(_WRITTEN * done):
            yield GIVE_WAY


def change_flags(
    mailbox: Mailbox,
    messages: Sequence[Message],
    applied: Callable[[Flags], Flags],
    effort: Effort,
    *,
    origin: object,
    unchanged_since: int | None = None,
) -> Work[list[Message]]:
    """Change the flags of messages, in one commit, and return those whose flags are now as ``applied`` makes them.

    Those that are gone are passed over, and so are those that changed after ``unchanged_since`` (RFC 7162 3.1.3).
    """
    for attempt in range(_PLANS):
        plan = _Plan(mailbox, effort)
        wanted = yield from plan.present(messages)
        if unchanged_since is not None:
            wanted = yield from in_steps(wanted, partial(_unchanged, unchanged_since), effort)
        new = _NewFlags(mailbox, applied)
        yield from in_steps(wanted, new.add, effort, _FLAGS)
        with _prepared(plan, len(new.messages), attempt) as prepared:
            room = prepared is not None and (yield from _prepare_flags(mailbox, new, prepared, effort))
            if effort.spend(_APPLIED * len(wanted)):
                yield GIVE_WAY
            present = plan.still_present(wanted)
            changed = plan.changed(present)
            if room and (len(changed) > _MOST or not new.fits()):
                continue
            if changed or present is not wanted or not new.fits():
                if unchanged_since is not None:
                    present = [one for one in present if one not in changed or one.modseq <= unchanged_since]
                wanted, new = present, _NewFlags(mailbox, applied)
                new.add(wanted)
            try:
                new.commit(origin, prepared if room else None, changed)
            except StorageFullError:
                in_pieces(partial(_commit_flags, mailbox, applied, origin), wanted)
            break
    yield from settle(mailbox, effort)
    return wanted


def _unchanged(since: int, messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message.modseq <= since]


class _NewFlags:
    """What flags become: that depends on what they are alone, and there are few different sets."""

    def __init__(self, mailbox: Mailbox, applied: Callable[[Flags], Flags]) -> None:
        self.mailbox = mailbox
        self.messages: list[Message] = []
        """Those whose flags change."""
        self.flags: list[Flags] = []
        """The new ones of each."""
        self._before: tuple[list[Flags], list[int]] = [], []
        self._applied = applied
        self._spelled = mailbox.flag_change().spelled
        self._become: dict[Flags, Flags] = {}

    def add(self, messages: Sequence[Message]) -> tuple[()]:
        """Add messages with the flags that they have now."""
        become = self._become
        for flags in {message.flags for message in messages}.difference(become):
            become[flags] = self._spelled(self._applied(flags))
        if any(old == new for old, new in become.items()):
            messages = [message for message in messages if become[message.flags] != message.flags]
        old = [message.flags for message in messages]
        self.messages += messages
        self.flags += [become[flags] for flags in old]
        self._before[0].extend(old)
        self._before[1].extend([message.modseq for message in messages])
        return ()

    def fits(self) -> bool:
        """Return whether flags are still spelled so in the mailbox."""
        spelled = self.mailbox.flag_change().spelled
        return all(spelled(self._applied(old)) == new for old, new in self._become.items())

    def commit(self, origin: object, prepared: Preparation | None = None, changed: Collection[Message] = ()) -> None:
        """Change the flags at once, of messages that are all here and have the flags that they had."""
        plan = self.mailbox.flag_change()
        for flags, number in Counter(self._before[0]).items():
            plan.come(self._become[flags], number)
            plan.go(flags, number)
        self.mailbox.commit_flags(
            self.messages,
            self.flags,
            plan,
            origin=origin,
            prepared=prepared,
            changed=changed,
            before=self._before,
        )


def _commit_flags(
    mailbox: Mailbox, applied: Callable[[Flags], Flags], origin: object, messages: Sequence[Message]
) -> None:
    """Change flags at once, as they are now."""
    new = _NewFlags(mailbox, applied)
    new.add(messages)
    new.commit(origin)


def _prepare_flags(mailbox: Mailbox, new: _NewFlags, prepared: Preparation, effort: Effort) -> Work[bool]:
    """Prepare new flags; return whether there was room."""

    def write(some: slice) -> None:
        prepared.flags(mailbox.uid_validity, new.messages[some], new.flags[some])

    return (yield from _in_pieces_of(len(new.messages), write, effort))


def expunge(
    mailbox: Mailbox, candidates: Sequence[Message], effort: Effort, *, marked: Callable[[Message], bool]
) -> Work[None]:
    """Remove those ``candidates`` for good, in ascending UID, that are ``marked``; in one commit, if there is room."""
    for attempt in range(_PLANS):
        plan = _Plan(mailbox, effort)
        found = yield from in_steps(candidates, lambda some: [message for message in some if marked(message)], effort)
        found = yield from plan.present(found)
        going = _Going(mailbox)
        yield from in_steps(found, going.add, effort)
        with _prepared(plan, len(found), attempt) as prepared:
            room = prepared is not None and (yield from _prepare_removal(mailbox, found, prepared, effort))
            if effort.spend(_APPLIED * len(found)):
                yield GIVE_WAY
            present = plan.still_present(found)
            changed = plan.changed(present)
            if room and len(changed) > _MOST:
                continue
            if changed or present is not found:
                going = _Going(mailbox)
                going.add([message for message in present if message not in changed or marked(message)])
            try:
                if prepared is None or room:
                    mailbox.commit(None, None, going.removal(prepared=prepared, changed=changed))
                    break
            except StorageFullError:
                pass
            yield from _expunge_in_pieces(mailbox, going.messages, effort, marked)
            break
    yield from let_go(mailbox, going.messages, effort)
    yield from settle(mailbox, effort)


def _prepare_removal(
    mailbox: Mailbox, messages: Sequence[Message], prepared: Preparation, effort: Effort
) -> Work[bool]:
    """Prepare that messages go; return whether there was room."""

    def write(some: slice) -> None:
        prepared.removal(mailbox.uid_validity, messages[some])

    return (yield from _in_pieces_of(len(messages), write, effort))


def _expunge_in_pieces(
    mailbox: Mailbox, messages: Sequence[Message], effort: Effort, marked: Callable[[Message], bool]
) -> Work[None]:
    """Remove messages in several commits, because there is no room for one: each of them makes some."""
    for start in range(0, len(messages), _MOST):
        some = messages[start : start + _MOST]
        if start:
            mailbox.require()
            some = [message for message in some if mailbox.holds(message) and marked(message)]
        in_pieces(partial(_remove, mailbox), some)
        if effort.spend(_COMMITTED * len(some)):
            yield GIVE_WAY


def _remove(mailbox: Mailbox, messages: Sequence[Message]) -> None:
    going = _Going(mailbox)
    going.add(messages)
    mailbox.commit(None, None, going.removal())


def transfer(
    source: Mailbox,
    messages: Sequence[Message],
    target: Mailbox,
    effort: Effort,
    *,
    move: bool,
    commit: Callable[[MessagesAdded, MessagesRemoved | None], None] | None = None,
) -> Work[list[Message]]:
    """Copy messages with their flags and dates, or move them, all or none in one commit, and return the new ones.

    ``commit`` commits more besides. Raise LimitExceededError, or StoreError (``EXPUNGEISSUED``) when a message is no
    longer here.
    """
    octets = sum((yield from in_steps(messages, lambda some: [sum(message.size for message in some)], effort)))
    inside = move and source is target
    copies, going = _Copies(source, target), None
    room = {"messages": 0 if inside else len(messages), "octets": 0 if inside else octets}
    for attempt in range(_PLANS):
        plan = _Plan(source, effort)
        target.require()
        target.check_room(**room)
        here = yield from plan.present(messages)
        with _prepared(plan, len(here), attempt) as prepared:
            copies = _Copies(source, target)
            going = _Going(source) if move else None
            yield from in_steps(here, copies.add, effort, _MADE)
            if going is not None:
                yield from in_steps(here, going.add, effort)
            if prepared is not None and not (yield from copies.prepare(prepared, effort, move=move)):
                continue  # perhaps there is room without a preparation
            if effort.spend(2 * _APPLIED * len(here)):
                yield GIVE_WAY
            if len(plan.still_present(here)) < len(messages):
                raise StoreError(f"Messages are no longer in {told(source.name)}.", code="EXPUNGEISSUED")
            target.require()
            target.check_room(**room)
            if _committed(plan, copies, going, octets, prepared, commit or partial(source.commit, target)):
                break
    if going is not None:
        yield from let_go(source, going.messages, effort)
    yield from settle(source, effort)
    return copies.made


def _committed(
    plan: _Plan,
    copies: _Copies,
    going: _Going | None,
    octets: int,
    prepared: Preparation | None,
    commit: Callable[[MessagesAdded, MessagesRemoved | None], None],
) -> bool:
    """Commit copies, and the removal of what moves; return False if too much of what was prepared is wrong by now."""
    changed = plan.changed(copies.originals)
    if prepared is not None and len(changed) > _MOST:
        return False
    addition = copies.addition(octets, prepared, changed)
    if addition is None:
        return False
    if going is None:
        commit(addition, None)
        return True
    if changed:
        going.renew()
    commit(addition, going.removal(moved_to=copies.target, prepared=prepared, changed=changed))
    return True


class _Copies:
    """New messages for a mailbox, with the places and the flags that they will have if nothing comes between."""

    def __init__(self, source: Mailbox, target: Mailbox) -> None:
        self.made: list[Message] = []
        self.originals: list[Message] = []
        self._source = source
        self.target = target
        self._uids = count(target.uid_next)
        self._modseq = target.highest_modseq + 1
        self._spelled = target.flag_change().spelled
        self._become: dict[Flags, Flags] = {}
        self._begin = target.beginning()
        self._flags: Counter[Flags] = Counter()
        """How many originals have each set of flags."""

    def add(self, messages: Sequence[Message]) -> tuple[()]:
        """Make copies with the flags that messages have now."""
        counts = Counter([message.flags for message in messages])
        self._flags.update(counts)
        become = self._become
        become |= {flags: self._spelled(flags) for flags in counts if flags not in become}
        uids, modseq, begin = self._uids, self._modseq, self._begin
        self.originals += messages
        self.made += [
            Message(
                uid=uid,
                flags=become[message.flags],
                arrived=message.arrived,
                modseq=modseq,
                body=message.body,
                size=message.size,
                keeper=message.keeper,
                properties=begin(message.arrived, message),
            )
            for message, uid in zip(messages, uids)  # noqa: B905 -- there is always another number
        ]
        return ()

    def prepare(self, prepared: Preparation, effort: Effort, *, move: bool) -> Work[bool]:
        """Prepare copies and, for a move, the removal; return whether there was room, or raise StorageFullError."""
        source = self._source.uid_validity

        def write(some: slice) -> None:
            originals = self.originals[some]
            prepared.copy(source, originals, [copy.flags for copy in self.made[some]], moved=move)
            if move:
                prepared.removal(source, originals)

        room = yield from _in_pieces_of(len(self.made), write, effort)
        if not room and not move:
            raise StorageFullError
        return room

    def addition(self, octets: int, prepared: Preparation | None, changed: Collection[Message]) -> MessagesAdded | None:
        """Return the change that adds the copies, in the places and with the flags that are theirs now.

        ``changed`` are the originals whose flags changed. None if what was prepared is spelled otherwise now.
        """
        plan, made, target = self.target.flag_change(), self.made, self.target
        if changed:
            self._flags = Counter([message.flags for message in self.originals])
        become = {flags: plan.spelled(flags) for flags in self._flags}
        respelled = any(self._become.get(old, new) != new for old, new in become.items())
        if respelled and prepared is not None:
            return None
        if respelled or changed:
            for copy, original in zip(made, self.originals, strict=True):
                copy.flags = become[original.flags]
        for flags, number in self._flags.items():
            plan.come(become[flags], number)
        modseq = target.highest_modseq + 1
        if made and (made[0].uid, made[0].modseq) != (target.uid_next, modseq):
            for uid, copy in enumerate(made, target.uid_next):
                copy.uid = uid
                copy.modseq = modseq
        return MessagesAdded(
            mailbox=target.uid_validity,
            messages=made,
            uid_next=target.uid_next + len(made),
            modseq=modseq,
            keywords=plan.keywords(),
            delta=plan.delta,
            octets=octets,
            copies=self.originals,
            source=self._source.uid_validity,
            prepared=prepared,
            changed=changed,
        )


class _Going:
    """Messages that are to be removed."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.messages: list[Message] = []
        self._mailbox = mailbox
        self._flags: Counter[Flags] = Counter()
        self._octets = 0

    def add(self, messages: Sequence[Message]) -> tuple[()]:
        """Add messages with the flags that they have now."""
        self.messages += messages
        self._flags.update([message.flags for message in messages])
        self._octets += sum([message.size for message in messages])
        return ()

    def renew(self) -> None:
        """Have the flags that the messages have now."""
        self._flags = Counter([message.flags for message in self.messages])

    def removal(
        self,
        *,
        moved_to: Mailbox | None = None,
        prepared: Preparation | None = None,
        changed: Collection[Message] = (),
    ) -> MessagesRemoved:
        """Return the change that removes them; of those that only move within the mailbox no keyword is forgotten."""
        mailbox = self._mailbox
        plan = mailbox.flag_change()
        for flags, number in self._flags.items():
            plan.go(flags, number)
        return MessagesRemoved(
            mailbox=mailbox.uid_validity,
            messages=self.messages,
            modseq=mailbox.highest_modseq + 1,
            keywords=None if moved_to is mailbox else plan.keywords(),
            delta=plan.delta,
            octets=self._octets,
            let_go=False,
            keeps_octets=moved_to is not None,
            prepared=prepared,
            changed=changed,
        )


def let_go(mailbox: Mailbox, messages: Sequence[Message], effort: Effort) -> Work[None]:
    """Let go of octets in turns, or at once when nobody waits any more."""
    start = 0
    try:
        while start < len(messages):
            some = messages[start : start + _AT_ONCE]
            start += len(some)
            mailbox.let_go(some)
            if effort.spend(_LET_GO * len(some)):
                yield GIVE_WAY
    finally:
        mailbox.let_go(messages[start:])


def in_pieces(do: Callable[[Sequence[T]], object], items: Sequence[T]) -> None:
    """Do something to all items at once; to the halves, and their halves, where there is no room to note it of all."""
    try:
        do(items)
    except StorageFullError:
        middle = len(items) // 2
        if not middle:
            raise
        in_pieces(do, items[:middle])
        in_pieces(do, items[middle:])
