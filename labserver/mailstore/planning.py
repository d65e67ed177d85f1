"""Changes of many messages, planned in turns and then made at once.

Theory of operation. A plan takes turns, in which other sessions may change the mailbox; so nothing is changed before it
is complete, and a plan that is broken off leaves nothing. At its end, without giving way, it is compared with what the
mailbox has become: its modification sequence tells whether anything was changed, each message's own one what. Then
there is one commit. What is removed lets go of its octets in turns again; no session can ask for them any more.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

from labserver.effort import GIVE_WAY, in_steps
from labserver.errors import StorageFullError, StoreError, told
from labserver.mailstore.message import Message
from labserver.mailstore.storage import MessagesAdded, MessagesRemoved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from labserver.effort import Effort, Work
    from labserver.mailstore.mailbox import Mailbox

    Flags = frozenset[str]

__all__ = ["change_flags", "expunge", "in_pieces", "let_go", "transfer"]

T = TypeVar("T")

_MADE = 192
"""Units of work to make a message."""
_APPLIED = 64
"""Units for each message to make the change at the end."""
_LET_GO = 128
"""Units to let go of a message's octets."""
_COMMITTED = 1_024
"""Units for each message of a commit that is not the last."""
_AT_ONCE = 1_024
"""Messages that are let go of at once."""


class _Plan:
    """What a mailbox was when the plan began."""

    def __init__(self, mailbox: Mailbox, effort: Effort) -> None:
        mailbox.require()
        self.mailbox = mailbox
        self.effort = effort
        self._modseq = mailbox.highest_modseq
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
        if self.mailbox.highest_modseq == self._modseq:
            return set()
        return {message for message in messages if message.modseq > self._modseq}


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
    plan = _Plan(mailbox, effort)
    wanted = yield from plan.present(messages)
    if unchanged_since is not None:
        most = unchanged_since
        wanted = yield from in_steps(wanted, lambda some: [one for one in some if one.modseq <= most], effort)
    if effort.spend(_APPLIED * len(wanted)):
        yield GIVE_WAY
    wanted = plan.still_present(wanted)
    if unchanged_since is not None and (changed := plan.changed(wanted)):
        wanted = [message for message in wanted if message not in changed or message.modseq <= unchanged_since]
    in_pieces(lambda some: _commit_flags(mailbox, some, applied, origin), wanted)
    return wanted


def _commit_flags(
    mailbox: Mailbox, messages: Sequence[Message], applied: Callable[[Flags], Flags], origin: object
) -> None:
    """Change flags at once: what they become depends on what they are alone, and there are few different sets."""
    plan = mailbox.flag_change()
    counts = Counter([message.flags for message in messages])
    become = {flags: plan.spelled(applied(flags)) for flags in counts}
    for flags, count in counts.items():
        if become[flags] != flags:
            plan.come(become[flags], count)
            plan.go(flags, count)
    if any(become[flags] == flags for flags in counts):
        messages = [message for message in messages if become[message.flags] != message.flags]
    mailbox.commit_flags(messages, [become[message.flags] for message in messages], plan, origin=origin)


def expunge(
    mailbox: Mailbox, candidates: Sequence[Message], effort: Effort, *, marked: Callable[[Message], bool]
) -> Work[None]:
    """Remove those ``candidates`` for good, in ascending UID, that are ``marked``.

    In memory it is one commit; where a commit takes its time, the storage says how many messages it takes.
    """
    plan = _Plan(mailbox, effort)
    found = yield from in_steps(candidates, lambda some: [message for message in some if marked(message)], effort)
    found = yield from plan.present(found)
    if effort.spend(_APPLIED * len(found)):
        yield GIVE_WAY
    changed = plan.changed(found)
    going = [message for message in plan.still_present(found) if message not in changed or marked(message)]
    for start in range(0, len(going), mailbox.most_removed):
        some = going[start : start + mailbox.most_removed]
        if start:
            mailbox.require()
            some = [message for message in some if mailbox.holds(message) and marked(message)]
        in_pieces(lambda piece: mailbox.commit(None, None, _removal(mailbox, piece)), some)
        yield from let_go(mailbox, some, effort)
        if start + len(some) < len(going) and effort.spend(_COMMITTED * len(some)):
            yield GIVE_WAY


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
    plan = _Plan(source, effort)
    octets = sum((yield from in_steps(messages, lambda some: [sum(message.size for message in some)], effort)))
    leaving = len(messages) if move and source is target else 0
    target.require()
    target.check_room(messages=len(messages) - leaving, octets=0 if leaving else octets)
    here = yield from plan.present(messages)
    made = yield from in_steps(here, lambda some: [_made(message) for message in some], effort, _MADE)
    if effort.spend(2 * _APPLIED * len(made)):
        yield GIVE_WAY
    if len(plan.still_present(here)) < len(messages):
        raise StoreError(f"Messages are no longer in {told(source.name)}.", code="EXPUNGEISSUED")
    target.require()
    target.check_room(messages=len(messages) - leaving, octets=0 if leaving else octets)
    if plan.changed(here):
        for new, old in zip(made, here, strict=True):
            new.flags = old.flags
    addition = _addition(target, made, here, source)
    removal = _removal(source, here, moved_to=target) if move else None
    if commit is None:
        source.commit(target, addition, removal)
    else:
        commit(addition, removal)
    if move:
        yield from let_go(source, here, effort)
    return made


def _made(message: Message) -> Message:
    """Return a copy that has no place yet."""
    return Message(uid=0, flags=message.flags, arrived=message.arrived, modseq=0, body=message.body, size=message.size)


def _addition(target: Mailbox, made: list[Message], copies: Sequence[Message], source: Mailbox) -> MessagesAdded:
    """Give new messages their places, and their flags as they are spelled there."""
    plan = target.flag_change()
    become = {flags: plan.come(flags, count) for flags, count in Counter([message.flags for message in made]).items()}
    modseq = target.highest_modseq + 1
    for uid, message in enumerate(made, target.uid_next):
        message.uid = uid
        message.modseq = modseq
    if any(new != old for old, new in become.items()):
        for message in made:
            message.flags = become[message.flags]
    return MessagesAdded(
        mailbox=target.uid_validity,
        messages=made,
        uid_next=target.uid_next + len(made),
        modseq=modseq,
        keywords=plan.keywords(),
        delta=plan.delta,
        copies=copies,
        source=source.uid_validity,
    )


def _removal(mailbox: Mailbox, messages: Sequence[Message], *, moved_to: Mailbox | None = None) -> MessagesRemoved:
    """Return the removal of messages; of those that only move within the mailbox no keyword is forgotten."""
    plan = mailbox.flag_change()
    for flags, count in Counter([message.flags for message in messages]).items():
        plan.go(flags, count)
    return MessagesRemoved(
        mailbox=mailbox.uid_validity,
        messages=messages,
        modseq=mailbox.highest_modseq + 1,
        keywords=None if moved_to is mailbox else plan.keywords(),
        delta=plan.delta,
        let_go=False,
        keeps_octets=moved_to is not None,
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


def in_pieces(do: Callable[[Sequence[T]], None], items: Sequence[T]) -> None:
    """Do something to all items at once; to the halves, and their halves, where there is no room to note it of all."""
    try:
        do(items)
    except StorageFullError:
        middle = len(items) // 2
        if not middle:
            raise
        in_pieces(do, items[:middle])
        in_pieces(do, items[middle:])
