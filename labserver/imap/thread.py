"""THREAD: ORDEREDSUBJECT and REFERENCES (RFC 5256 3).

Every walk is a loop over an explicit stack, because a chain of references may be as long as the mailbox. Messages sent
at the same moment are in mailbox order. All of it is done in turns (:mod:`labserver.effort`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.effort import GIVE_WAY, in_steps
from labserver.imap.sort import SENT, Key, header_of, in_order, sent
from labserver.message.charsets import titlecased
from labserver.message.identifiers import message_ids
from labserver.message.subject import BaseSubject, base_subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from labserver.effort import Effort, Work
    from labserver.mailstore.message import Message

__all__ = ["ALGORITHMS", "Thread", "format_threads"]

Hit = tuple[int, "Message"]

_LINKED = 128
"""Units of work that each step of linking and walking takes."""


class Thread:
    """A message and the messages below it. Without a message (``hit`` None) it only holds its children together."""

    __slots__ = ("children", "first", "hit", "parent")

    def __init__(self, hit: Hit | None = None) -> None:
        self.hit = hit
        self.first = hit
        """The message, or the earliest one directly below when that is known."""
        self.children: list[Thread] = []
        self.parent: Thread | None = None

    def adopt(self, child: Thread) -> None:
        """Make ``child`` the last child here; nobody else holds it any more."""
        child.parent = self
        self.children.append(child)


def format_threads(threads: Iterable[Thread], effort: Effort, *, uid: bool) -> Work[bytes]:
    """Spell threads as in a THREAD response, ``(2)(3 6 (4 23)(44 7 96))`` (RFC 5256 4), by UID or by number."""
    out: list[bytes] = []
    waiting: list[Thread | bytes] = []
    for thread in threads:
        out.append(b"(")
        waiting.append(thread)
        while waiting:
            following = waiting.pop()
            if isinstance(following, bytes):
                out.append(following)
                continue
            if following.hit is not None:
                number, message = following.hit
                out.append(b"%d" % (message.uid if uid else number))
                if following.children:
                    out.append(b" ")
            if len(following.children) == 1:
                waiting.append(following.children[0])
            else:
                waiting += [piece for child in reversed(following.children) for piece in (b")", child, b"(")]
            if effort.spend(_LINKED * (1 + len(following.children))):
                yield GIVE_WAY
        out.append(b")")
    return b"".join(out)


def _ordered_subject(found: Sequence[Hit], effort: Effort) -> Work[list[Thread]]:
    """Poor man's threading: everything with one base subject, under the message that was sent first."""
    yield from _read(found, (_SUBJECT, SENT), effort)
    keyed = yield from in_steps(
        found, lambda some: [((_subject(hit[1]).text, sent(hit[1]), hit[0]), hit) for hit in some], effort, 2 * _LINKED
    )
    ordered = yield from in_order(keyed, effort)
    threads: list[Thread] = []
    text = None
    for (subject, *_), hit in ordered:
        if subject == text:
            threads[-1].adopt(Thread(hit))
        else:
            threads.append(Thread(hit))
            text = subject
        if effort.spend(_LINKED):
            yield GIVE_WAY
    return (yield from _by_moment(threads, effort))


def _references(found: Sequence[Hit], effort: Effort) -> Work[list[Thread]]:
    """Thread by References and In-Reply-To, then join what has the same base subject."""
    yield from _read(found, (_IDENTIFIERS, _SUBJECT, SENT), effort)
    linked = yield from _linked(found, effort)
    roots = yield from in_steps(linked, lambda some: [thread for thread in some if thread.parent is None], effort)
    roots = yield from _pruned(roots, effort)
    roots = yield from _gathered((yield from _by_moment(roots, effort)), effort)
    for thread in reversed((yield from _everything(roots, effort))):
        if len(thread.children) > 1:
            thread.children = yield from _by_moment(thread.children, effort)
        elif effort.spend(_LINKED):
            yield GIVE_WAY
    return (yield from _by_moment(roots, effort))


def _by_moment(threads: list[Thread], effort: Effort) -> Work[list[Thread]]:
    keyed = []
    for thread in threads:
        if thread.hit is None:
            earliest = yield from in_steps(thread.children, lambda some: [min(some, key=_moment)], effort, _LINKED)
            thread.first = min(earliest, key=_moment).hit
        keyed.append((_moment(thread), thread))
        if effort.spend(_LINKED):
            yield GIVE_WAY
    return [thread for _, thread in (yield from in_order(keyed, effort))]


def _read(found: Sequence[Hit], keys: Sequence[Key], effort: Effort) -> Work[None]:
    """Have what threads are made by found in each message, once."""
    for _, message in found:
        if effort.spend(sum(key.of(message)[1] for key in keys)):
            yield GIVE_WAY


ALGORITHMS: Mapping[bytes, Callable[[Sequence[Hit], Effort], Work[list[Thread]]]] = {
    b"ORDEREDSUBJECT": _ordered_subject,
    b"REFERENCES": _references,
}
"""What can stand behind THREAD; each takes numbers and messages, in mailbox order."""


def _subject(message: Message) -> BaseSubject:
    text, is_reply = _SUBJECT.of(message)[0]
    return BaseSubject(text, is_reply)


def _find_subject(message: Message) -> tuple[str, bool]:
    """Return it as what the garbage collector does not visit again: it looks at every named tuple each time."""
    base = base_subject(header_of(message).first(b"subject") or b"")
    return titlecased(base.text), base.is_reply


def _identifiers(message: Message) -> tuple[bytes | None, tuple[bytes, ...]]:
    """Return a message's own identifier and those it refers to, the oldest first."""
    found: tuple[bytes | None, tuple[bytes, ...]] = _IDENTIFIERS.of(message)[0]
    return found


def _find_identifiers(message: Message) -> tuple[bytes | None, tuple[bytes, ...]]:
    header = header_of(message)
    own = message_ids(header.first(b"message-id") or b"", most=1)
    references = message_ids(header.first(b"references") or b"")
    if not references:
        references = message_ids(header.first(b"in-reply-to") or b"", most=1)
    return (own[0] if own else None), tuple(references)


_SUBJECT = Key(_find_subject, "thread.subject")
_IDENTIFIERS = Key(_find_identifiers, "thread.identifiers")


def _moment(thread: Thread) -> tuple[datetime, int]:
    """Return what siblings are sorted by; a thread without a message counts as its earliest child."""
    assert thread.first is not None  # noqa: S101 -- what holds no message was looked into before
    number, message = thread.first
    return sent(message), number


def _everything(roots: Iterable[Thread], effort: Effort) -> Work[list[Thread]]:
    """Gather all threads at and below ``roots``, each before what is below it."""
    found: list[Thread] = []
    waiting = list(roots)
    while waiting:
        thread = waiting.pop()
        found.append(thread)
        waiting += thread.children
        if effort.spend(_LINKED * (1 + len(thread.children))):
            yield GIVE_WAY
    return found


def _linked(found: Sequence[Hit], effort: Effort) -> Work[list[Thread]]:
    """Make a thread for every message and for every identifier somebody refers to, linked (step 1)."""
    links = _Links()
    for hit in found:
        own, references = _identifiers(hit[1])
        parent: Thread | None = None
        for identifier in references:
            thread = links.called(identifier)
            if thread.parent is None:
                links.put(thread, parent)
            parent = thread
        # What a message itself says about its parent counts more than what others said (step 1B).
        current = links.holding(hit, own)
        if current.parent is not parent:
            current.parent = None
            links.put(current, parent)
        steps, links.steps = links.steps, 0
        if effort.spend(_LINKED * (1 + len(references) + steps)):
            yield GIVE_WAY
    for thread in links.threads:
        if thread.parent is not None:
            thread.parent.adopt(thread)
        if effort.spend(_LINKED):
            yield GIVE_WAY
    return links.threads


class _Links:
    """Threads by identifier while only their parents are known; children follow when no parent changes any more."""

    def __init__(self) -> None:
        self.threads: list[Thread] = []
        self.steps = 0
        """Threads that were walked past."""
        self._called: dict[bytes, Thread] = {}
        self._parents: set[Thread] = set()

    def called(self, identifier: bytes) -> Thread:
        """Return the thread of an identifier, a new one without a message if there is none."""
        if identifier not in self._called:
            self._called[identifier] = self._new(None)
        return self._called[identifier]

    def holding(self, hit: Hit, own: bytes | None) -> Thread:
        """Return the thread for a message; the first of several messages with one identifier keeps it."""
        if own is None or (own in self._called and self._called[own].hit is not None):
            return self._new(hit)
        thread = self.called(own)
        thread.hit = thread.first = hit
        return thread

    def put(self, thread: Thread, parent: Thread | None) -> None:
        """Link a thread that has no parent below ``parent``, unless that would make a loop."""
        above = parent if thread in self._parents else None
        while above is not None and above is not thread:
            above = above.parent
            self.steps += 1
        if parent is not None and parent is not thread and above is None:
            thread.parent = parent
            self._parents.add(parent)

    def _new(self, hit: Hit | None) -> Thread:
        self.threads.append(Thread(hit))
        return self.threads[-1]


def _pruned(roots: list[Thread], effort: Effort) -> Work[list[Thread]]:
    """Drop threads without a message and hand their children up, at the top only a single child (step 3)."""
    for thread in reversed((yield from _everything(roots, effort))):
        if any(child.hit is None for child in thread.children):
            thread.children = _spliced(thread, thread.children)
        if effort.spend(_LINKED * (1 + len(thread.children))):
            yield GIVE_WAY
    kept: list[Thread] = []
    for root in roots:
        if root.hit is not None or len(root.children) > 1:
            kept.append(root)
        elif root.children:
            root.children[0].parent = None
            kept += root.children
        if effort.spend(_LINKED):
            yield GIVE_WAY
    return kept


def _spliced(parent: Thread, children: list[Thread]) -> list[Thread]:
    spliced: list[Thread] = []
    for child in children:
        spliced += [child] if child.hit is not None else child.children
    for child in spliced:
        child.parent = parent
    return spliced


def _thread_subject(thread: Thread) -> BaseSubject:
    """Return the base subject of a thread: its message's, or its earliest child's."""
    return _subject(thread.first[1]) if thread.first is not None else BaseSubject("", is_reply=False)


def _gathered(roots: list[Thread], effort: Effort) -> Work[list[Thread]]:
    """Join threads with the same base subject (step 5)."""
    subjects = []
    table: dict[str, Thread] = {}
    for thread in roots:
        subject = _thread_subject(thread)
        subjects.append((thread, subject))
        known = table.setdefault(subject.text, thread)
        if known.hit is not None and (thread.hit is None or (_is_reply(known) and not subject.is_reply)):
            table[subject.text] = thread
        if effort.spend(_LINKED):
            yield GIVE_WAY
    kept = dict.fromkeys(roots)
    for thread, subject in subjects:
        known = table[subject.text]
        if subject.text and known is not thread:
            _join(known, thread, subject, table, kept)
        if effort.spend(_LINKED):
            yield GIVE_WAY
    return list(kept)


def _join(
    known: Thread, thread: Thread, subject: BaseSubject, table: dict[str, Thread], kept: dict[Thread, None]
) -> None:
    del kept[thread]
    if known.hit is None and thread.hit is None:
        for child in thread.children:
            known.adopt(child)
    elif known.hit is None or (subject.is_reply and not _is_reply(known)):
        known.adopt(thread)
    else:
        joined = Thread()
        del kept[known]
        joined.adopt(known)
        joined.adopt(thread)
        kept[joined] = None
        table[subject.text] = joined


def _is_reply(thread: Thread) -> bool:
    return thread.hit is not None and _subject(thread.hit[1]).is_reply
