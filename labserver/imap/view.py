"""One session's picture of its selected mailbox: what the client was told, and what it was not told yet.

Sequence numbers exist only here. The mailbox changes under the view at any time; the view only notes it, and changes
its own numbering when :meth:`View.changes` tells the client, in the one order that all clients understand: EXPUNGE,
EXISTS and RECENT, then FETCH. An event may be about a hundred thousand messages, and many sessions may be told of it:
noting it takes no time, and what it means is found out when it is told, in turns.

A command that gives way is still about one moment: while the view is *at rest*, it remembers flags and modification
sequences that others change.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, assert_never

from labserver.effort import GIVE_WAY, MESSAGE, in_steps
from labserver.errors import StoreError
from labserver.imap.cursor import BadSyntax
from labserver.imap.syntax import SYSTEM_FLAGS
from labserver.mailstore.mailbox import Appended, Expunged, FlagsChanged, Removed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from labserver.effort import Effort, GiveWay, Work
    from labserver.imap.syntax import SequenceSet
    from labserver.mailstore.mailbox import Mailbox, MailboxEvent
    from labserver.mailstore.message import Message

__all__ = ["Hit", "View", "flags_item"]

Hit = tuple[int, "Message"]
"""A sequence number and its message."""

_State = tuple[frozenset[str], int]
"""Flags and modification sequence."""
_COPIED = 1_024
"""Messages of a change whose former flags each session at rest copies."""
_MOST_SHARED = 8
"""Larger changes that one command remembers without copying; each of them holds the former flags of its messages."""
_Noted = Appended | Expunged | FlagsChanged
_UID = attrgetter("uid")
_MANY = 256
"""Messages of an event beyond which it is looked at later."""
_MOST_NOTED = 1 << 18
"""Messages of all events that a session notes without having looked at them: two megabytes of references."""
_PICKED_AT_ONCE = 8_192
"""Messages that are picked in one step."""
_PICKED = 16
"""Units of work to pick a message by its number."""
_SOUGHT = 256
"""Units to find a range of UIDs."""
_TOLD = 256
"""Units of work that it takes to tell of a change to one message."""


def _by_message(layer: FlagsChanged | dict[Message, _State]) -> Mapping[Message, _State]:
    return layer if isinstance(layer, dict) else layer.states()


@lru_cache(maxsize=1024)
def flags_item(flags: frozenset[str], *recent: str) -> bytes:
    r"""Return the FETCH item ``FLAGS (…)``, system flags first, then keywords, then ``\Recent`` if that is given."""
    system = [flag for flag in SYSTEM_FLAGS if flag in flags]
    keywords = sorted(flags.difference(SYSTEM_FLAGS))
    return f"FLAGS ({' '.join((*system, *keywords, *recent))})".encode()


class _Remembered(Mapping["Message", _State]):
    """The flags and modification sequences of messages before they were changed, the oldest of each that was noted.

    A change of many messages is not copied: all sessions that remember it share what the event says.
    """

    __slots__ = ("_shared", "layers")

    def __init__(self) -> None:
        self.layers: list[FlagsChanged | dict[Message, _State]] = []
        """The oldest first; it is asked of every message whether there are any, which a method would take long for."""
        self._shared = 0

    def note(self, event: FlagsChanged) -> None:
        """Remember what was before a change."""
        if len(event.messages) > _COPIED and self._shared < _MOST_SHARED:
            self._shared += 1
            self.layers.append(event)
            return
        own = self.layers[-1] if self.layers else None
        if not isinstance(own, dict):
            own = {}
            self.layers.append(own)
        for message, flags, modseq in zip(event.messages, *event.before, strict=True):
            own.setdefault(message, (flags, modseq))

    def __getitem__(self, message: Message) -> _State:
        """Return the flags and the modification sequence."""
        for layer in self.layers:
            found = _by_message(layer).get(message)
            if found is not None:
                return found
        raise KeyError(message)

    def __contains__(self, message: object) -> bool:
        """Return whether a message changed."""
        return any(message in _by_message(layer) for layer in self.layers)

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return bool(self.layers)

    def __iter__(self) -> Iterator[Message]:
        """Go through the messages that changed."""
        return iter({message: None for layer in self.layers for message in _by_message(layer)})

    def __len__(self) -> int:
        """Return how many messages changed."""
        return sum(1 for _ in self)


class View:
    """A selected mailbox (RFC 3501 6.3.1). ``notify`` is called when there is something to tell."""

    def __init__(self, mailbox: Mailbox, *, read_only: bool, notify: Callable[[], None]) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.gone = False
        """The mailbox was deleted."""
        self.messages = list(mailbox.messages)
        """What the client knows, ascending by UID; the sequence number is the index plus one."""
        self.recent: set[int] = set()
        self.rendered = 0
        """Units of work that items of FETCH took and that were not counted yet."""
        self.saved: list[Message] = []
        """The saved search result (RFC 5182)."""
        self._notify = notify
        self._noted: list[_Noted] = []
        """What is yet to be looked at, in order; only behind an event about many messages."""
        self._in_noted = 0
        """How many messages they are about."""
        self._noted_from = 0
        """The modification sequence before the first of them."""
        self._compares = False
        """They became too many, and are forgotten: the mailbox is to be compared with what the client knows."""
        self._arrived: list[Message] = []
        self._expunged: set[int] = set()
        self._flagged: dict[int, Message] = {}
        self._before: _Remembered | None = None
        """Not None: at rest, and what was before others changed it."""
        self._keywords_told = mailbox.keyword_changes
        self._claim_recent(self.messages)
        mailbox.observe(self._observe)

    def close(self) -> None:
        """Stop watching the mailbox."""
        self.mailbox.forget(self._observe)

    @property
    def pending(self) -> bool:
        """Whether there is something to tell; of a deleted mailbox there is not."""
        noted = self._noted or self._compares or self._arrived or self._expunged or self._flagged
        return not self.gone and bool(noted or self._keywords_told != self.mailbox.keyword_changes)

    @contextmanager
    def at_rest(self) -> Iterator[Mapping[Message, tuple[frozenset[str], int]]]:
        """Show flags and modification sequences as they are now until the end; what changes meanwhile is in the value.

        What the session itself changes is shown as it becomes.
        """
        before, self._before = self._before, _Remembered() if self._before is None else self._before
        try:
            yield self._before
        finally:
            self._before = before

    def _observe(self, event: MailboxEvent) -> None:
        match event:
            case Removed():
                self.gone = True
            case FlagsChanged(origin=origin) if origin is self:
                return
            case FlagsChanged(messages=messages):
                if self._before is not None:
                    self._before.note(event)
                # What is noted may stay for long, and needs no former flags.
                self._note(event if len(messages) <= _MANY else replace(event, before=((), ())))
            case Appended() | Expunged():
                self._note(event)
            case _:
                assert_never(event)
        self._notify()

    def _note(self, event: _Noted) -> None:
        if self._compares:
            return
        if not self._noted and len(event.messages) <= _MANY:
            self._look_at(event)
            return
        if not self._noted:
            self._noted_from = self.mailbox.highest_modseq - 1
        self._noted.append(event)
        self._in_noted += len(event.messages)
        if len(self._noted) > _MANY or self._in_noted > _MOST_NOTED:
            self._noted.clear()
            self._in_noted = 0
            self._compares = True

    def look_at_noted(self, effort: Effort) -> Work[None]:
        """Find out what was noted but not looked at."""
        if self._compares:
            self._compares = False
            self._compare()
            if effort.spend(MESSAGE * len(self.messages)):
                yield GIVE_WAY
        while self._noted:
            self._look_at(self._noted[0])
            looked_at = len(self._noted.pop(0).messages)
            self._in_noted -= looked_at
            if effort.spend(MESSAGE * looked_at):
                yield GIVE_WAY

    def _compare(self) -> None:
        """Find out what happened by what the mailbox has become; some flags may be told that are as they were."""
        here = self.mailbox.messages
        last = self.messages[-1].uid if self.messages else 0
        start = bisect_left(here, last + 1, key=_UID)
        known, self._arrived = here[:start], here[start:]
        if len(known) < len(self.messages):
            left = {message.uid for message in known}
            self._expunged = {message.uid for message in self.messages if message.uid not in left}
        since, flagged = self._noted_from, self._flagged
        changed = [message for message in known if message.modseq > since or message.uid in flagged]
        self._flagged = {message.uid: message for message in changed}

    def _look_at(self, event: _Noted) -> None:
        match event:
            case Appended(messages=messages):
                self._arrived += messages
            case FlagsChanged(messages=messages):
                self._flagged.update([(message.uid, message) for message in messages])
            case Expunged(messages=messages):
                uids = {message.uid for message in messages}
                arrived = {message.uid for message in self._arrived}
                self._arrived = [message for message in self._arrived if message.uid not in uids]
                self._expunged |= uids - arrived
                for uid in uids & self._flagged.keys():
                    del self._flagged[uid]
            case _:
                assert_never(event)

    def _claim_recent(self, messages: list[Message]) -> None:
        first = self.mailbox.first_recent
        start = bisect_left(messages, first, key=_UID)
        self.recent.update(message.uid for message in messages[start:])
        if not self.read_only and messages and messages[-1].uid >= first:
            # A storage that fails here costs nothing: the messages will be recent for the next session as well.
            with suppress(StoreError):
                self.mailbox.first_recent = messages[-1].uid + 1

    def number(self, message: Message) -> int | None:
        """Return a message's sequence number, None if the client does not know it."""
        index = bisect_left(self.messages, message.uid, key=_UID)
        known = index < len(self.messages) and self.messages[index] is message
        return index + 1 if known else None

    @property
    def some_expunged(self) -> bool:
        """Whether :meth:`expunged` is true of any message."""
        noted = self._compares or any(isinstance(event, Expunged) for event in self._noted)
        return self.gone or bool(self._expunged) or noted

    def expunged(self, message: Message) -> bool:
        """Whether the message is no longer in the mailbox although the client still counts it."""
        return self.gone or not self.mailbox.holds(message)

    def gone_by_now(self) -> frozenset[int]:
        """Return the UIDs of which :meth:`expunged` is true; what was noted must have been looked at."""
        return frozenset(self._expunged)

    def flags(self, message: Message) -> bytes:
        """Return a message's ``FLAGS (…)``."""
        flags = message.flags
        before = self._before
        if before is not None and before.layers and message in before:
            flags = before[message][0]
        return flags_item(flags, "\\Recent") if message.uid in self.recent else flags_item(flags)

    def flags_of(self, messages: Sequence[Message]) -> list[bytes]:
        """Return the ``FLAGS (…)`` of each message."""
        if self._before is not None and self._before.layers:
            return [self.flags(message) for message in messages]
        recent = self.recent
        return [
            flags_item(message.flags, "\\Recent") if message.uid in recent else flags_item(message.flags)
            for message in messages
        ]

    def modseq(self, message: Message) -> int:
        """Return a message's modification sequence."""
        if self._before and message in self._before:
            return self._before[message][1]
        return message.modseq

    def spelled(self, flags: Iterable[str]) -> frozenset[str]:
        """Return flags with each keyword as it was first spelled in this mailbox; case makes no difference."""
        return self.mailbox.spelled(flags)

    def pick(self, wanted: SequenceSet, effort: Effort, *, uid: bool) -> Work[list[Hit]]:
        """Find the messages of a set, ascending, in turns.

        An unknown sequence number raises BadSyntax; an unknown UID is ignored (RFC 3501 6.4.8). By UID a message that
        is expunged already is unknown; by number it is still there, so that the caller can tell (:meth:`expunged`).
        """
        hits: list[Hit] = []
        if wanted.saved:
            saved = set(self.saved)
            hits = yield from in_steps(
                list(enumerate(self.messages, 1)), lambda some: [hit for hit in some if hit[1] in saved], effort
            )
        else:
            messages = self.messages  # what others do to the mailbox does not change them
            for first, end in self._by_uid(wanted) if uid else self._by_number(wanted):
                for start in range(first, end, _PICKED_AT_ONCE):
                    stop = min(start + _PICKED_AT_ONCE, end)
                    hits += zip(range(start + 1, stop + 1), messages[start:stop], strict=True)
                    if effort.spend(_SOUGHT + _PICKED * (stop - start)):
                        yield GIVE_WAY
        if (wanted.saved or uid) and self.some_expunged:
            return (yield from in_steps(hits, lambda some: [hit for hit in some if not self.expunged(hit[1])], effort))
        return hits

    def _by_number(self, wanted: SequenceSet) -> Iterator[tuple[int, int]]:
        """Return where the ranges of a set of sequence numbers begin and end among the messages."""
        last = len(self.messages)
        ranges = wanted.ranges(last)
        if ranges[0][0] < 1 or ranges[-1][1] > last:
            raise BadSyntax("There is no such message number")
        return ((low - 1, high) for low, high in ranges)

    def _by_uid(self, wanted: SequenceSet) -> Iterator[tuple[int, int]]:
        """Return the same for a set of UIDs."""
        messages = self.messages
        for low, high in wanted.ranges(messages[-1].uid) if messages else ():
            first = bisect_left(messages, low, key=_UID)
            yield first, bisect_left(messages, high + 1, lo=first, key=_UID)

    def arrivals(self, effort: Effort) -> Iterator[bytes | GiveWay]:
        """Yield what is to be said of messages that are new since the last call, and count it as told."""
        yield from self.look_at_noted(effort)
        if self._arrived:
            yield from self._tell_arrived(len(self.recent))

    def changes(self, effort: Effort, *, expunges: bool, uid: bool, modseq: bool) -> Iterator[bytes | GiveWay]:
        """Yield untagged responses for what happened since the last call, and count it as told.

        ``expunges``: EXPUNGE is allowed now; else it stays for later. ``uid`` and ``modseq`` go into FETCH responses.
        """
        yield from self.look_at_noted(effort)
        recent = len(self.recent)
        if expunges and self._expunged:
            yield from self._tell_expunged(effort)
        yield from self._tell_arrived(recent)
        yield from self.keywords()
        if self._flagged:
            flagged, self._flagged = self._flagged, {}
            for _, message in sorted(flagged.items()):
                number = self.number(message)
                if number is not None:
                    yield self.flags_response(number, message, uid=uid, modseq=modseq)
                if effort.spend(_TOLD):
                    yield GIVE_WAY

    def _tell_arrived(self, recent: int) -> Iterator[bytes]:
        """Tell what is new, and how many are recent if that was not ``recent``."""
        arrived, self._arrived = self._arrived, []
        if arrived:
            self.messages += arrived
            self._claim_recent(arrived)
            yield b"* %d EXISTS\r\n" % len(self.messages)
        if arrived or len(self.recent) != recent:
            yield b"* %d RECENT\r\n" % len(self.recent)

    def _tell_expunged(self, effort: Effort) -> Iterator[bytes | GiveWay]:
        """Tell from the highest number down, so that no number changes the meaning of the next."""
        expunged, self._expunged = self._expunged, set()
        for uid in sorted(expunged, reverse=True):
            yield b"* %d EXPUNGE\r\n" % (bisect_left(self.messages, uid, key=_UID) + 1)
            if effort.spend(_TOLD):
                yield GIVE_WAY
        self.messages = [message for message in self.messages if message.uid not in expunged]
        self.saved = [message for message in self.saved if message.uid not in expunged]
        self.recent -= expunged

    def flags_response(self, number: int, message: Message, *, uid: bool, modseq: bool) -> bytes:
        """Return a FETCH response with a message's flags."""
        items = [b"UID %d" % message.uid] if uid else []
        items.append(self.flags(message))
        if modseq:
            items.append(b"MODSEQ (%d)" % self.modseq(message))
        return b"* %d FETCH (%b)\r\n" % (number, b" ".join(items))

    def keywords(self) -> Iterator[bytes]:
        """Yield FLAGS and PERMANENTFLAGS if there are other keywords than the client knows of (RFC 3501 7.2.6)."""
        if self._keywords_told != self.mailbox.keyword_changes:
            self._keywords_told = self.mailbox.keyword_changes
            yield self.flags_known()

    def flags_known(self) -> bytes:
        """Return FLAGS and PERMANENTFLAGS (RFC 3501 7.2.6 and 7.1)."""
        flags = " ".join((*SYSTEM_FLAGS, *self.mailbox.keywords))
        anything = " \\*" if self.mailbox.takes_keywords else ""
        permanent = "" if self.read_only else flags + anything
        return f"* FLAGS ({flags})\r\n* OK [PERMANENTFLAGS ({permanent})] What can be kept\r\n".encode()
