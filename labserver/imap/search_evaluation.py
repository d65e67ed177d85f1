"""Which messages a search key means.

A key is turned into one test per message. What is cheap is tested first; a message's octets are read only when a test
that needs them is reached, its text is decoded at most once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from operator import eq, ge, lt
from typing import TYPE_CHECKING, assert_never

from labserver.errors import StoreError
from labserver.imap.search_keys import (
    Age,
    All,
    And,
    Arrived,
    Changed,
    Flag,
    Header,
    Not,
    Numbered,
    Or,
    Recent,
    Relation,
    Sent,
    Size,
    Text,
)
from labserver.message.charsets import fold
from labserver.message.dates import sent_date
from labserver.message.text import body_texts, header_texts
from labserver.message.tree import tree
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import date, datetime

    from labserver.imap.search_keys import SearchKey
    from labserver.mailstore.message import Message
    from labserver.message.part import Part

__all__ = ["SearchContext", "evaluate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchContext:
    """The mailbox as one session sees it."""

    messages: Sequence[Message]
    """In the order of their sequence numbers."""
    recent: Collection[int] = frozenset()
    r"""UIDs of the messages that are ``\Recent``."""
    saved: Collection[Message] = ()
    """The saved search result (RFC 5182)."""
    now: datetime
    """Aware; for OLDER and YOUNGER."""


def evaluate(key: SearchKey, context: SearchContext) -> list[tuple[int, Message]]:
    """Return the sequence numbers and messages that match, ascending.

    A message whose octets are gone because another session expunged it does not match a key that needs them; any other
    StoreError is passed on.
    """
    test = _compiled(key, context).test
    found = []
    for number, message in enumerate(context.messages, 1):
        try:
            if test(_Candidate(number, message)):
                found.append((number, message))
        except StoreError as error:
            if error.code != "EXPUNGEISSUED":
                raise
    return found


class _Candidate:
    """A message under test, with what was found out about it."""

    __slots__ = ("_bodies", "_headers", "_part", "message", "number")

    def __init__(self, number: int, message: Message) -> None:
        self.number = number
        self.message = message
        self._part: Part | None = None
        self._headers: list[str] | None = None
        self._bodies: list[str] | None = None

    @property
    def part(self) -> Part:
        if self._part is None:
            self._part = tree(self.message.content)
        return self._part

    def headers_contain(self, text: str) -> bool:
        if self._headers is None:
            self._headers = [fold(header) for header in header_texts(self.part)]
        return any(text in header for header in self._headers)

    def body_contains(self, text: str) -> bool:
        if not text:
            return True
        if self._bodies is None:
            self._bodies = [fold(body) for body in body_texts(self.part)]
        return any(text in body for body in self._bodies)

    def field_contains(self, name: bytes, text: str) -> bool:
        return any(text in fold(readable(value)) for value in self.part.header.all(name))

    def sent_on(self) -> date:
        value = self.part.header.first(b"date")
        return ((sent_date(value) if value else None) or self.message.internal_date).date()


_METADATA, _HEADER, _BODY = 1, 100, 10_000
"""What tests cost, roughly, in units of the cheapest."""


@dataclass(frozen=True, slots=True)
class _Test:
    """A key as a function."""

    test: Callable[[_Candidate], bool]
    cost: int = _METADATA


_RELATIONS: dict[Relation, Callable[[date, date], bool]] = {
    Relation.BEFORE: lt,
    Relation.ON: eq,
    Relation.SINCE: ge,
}


def _compiled(key: SearchKey, context: SearchContext) -> _Test:  # noqa: C901, PLR0911, PLR0912 -- one case per class
    match key:
        case All():
            return _Test(lambda _: True)
        case Flag():
            return _flag(key, context)
        case Recent():
            recent = frozenset(context.recent)
            return _Test(lambda candidate: candidate.message.uid in recent)
        case Numbered():
            return _numbered(key, context)
        case Arrived(relation=relation, day=day):
            related = _RELATIONS[relation]
            return _Test(lambda candidate: related(candidate.message.internal_date.date(), day))
        case Sent(relation=relation, day=day):
            related = _RELATIONS[relation]
            return _Test(lambda candidate: related(candidate.sent_on(), day), _HEADER)
        case Age():
            return _age(key, context)
        case Size(octets=octets, larger=True):
            return _Test(lambda candidate: candidate.message.size > octets)
        case Size(octets=octets):
            return _Test(lambda candidate: candidate.message.size < octets)
        case Changed(modseq=modseq):
            return _Test(lambda candidate: candidate.message.modseq >= modseq)
        case Header(name=name, text=text):
            return _Test(lambda candidate: candidate.field_contains(name, text), _HEADER)
        case Text(text=text, headers=True):
            return _Test(lambda candidate: candidate.headers_contain(text) or candidate.body_contains(text), _BODY)
        case Text(text=text):
            return _Test(lambda candidate: candidate.body_contains(text), _BODY)
        case And(keys=keys):
            return _every([_compiled(inner, context) for inner in keys])
        case Or(first=first, second=second):
            return _either(_compiled(first, context), _compiled(second, context))
        case Not(key=inner):
            negated = _compiled(inner, context)
            return _Test(lambda candidate: not negated.test(candidate), negated.cost)
    assert_never(key)


def _flag(key: Flag, context: SearchContext) -> _Test:
    """Test for a flag without regard to case; each of the few sets of flags in a mailbox is looked at once."""
    wanted, present = key.name.lower(), key.present
    known = {message.flags for message in context.messages}
    matching = {flags for flags in known if any(flag.lower() == wanted for flag in flags) is present}
    return _Test(lambda candidate: candidate.message.flags in matching)


def _numbered(key: Numbered, context: SearchContext) -> _Test:
    if key.numbers.saved:
        saved = frozenset(message.uid for message in context.saved)
        return _Test(lambda candidate: candidate.message.uid in saved)
    messages = context.messages
    if not messages:
        return _Test(lambda _: False)
    if key.uid:
        uids = key.numbers.numbers(messages[-1].uid)
        return _Test(lambda candidate: candidate.message.uid in uids)
    numbers = key.numbers.numbers(len(messages))
    return _Test(lambda candidate: candidate.number in numbers)


def _age(key: Age, context: SearchContext) -> _Test:
    """Test for an interval, which at 32 bits never reaches back beyond the calendar."""
    limit = context.now - timedelta(seconds=key.seconds)
    if key.younger:
        return _Test(lambda candidate: candidate.message.internal_date >= limit)
    return _Test(lambda candidate: candidate.message.internal_date <= limit)


def _every(tests: list[_Test]) -> _Test:
    tests = sorted(tests, key=_cost)
    return _Test(lambda candidate: all(test.test(candidate) for test in tests), sum(map(_cost, tests)))


def _either(first: _Test, second: _Test) -> _Test:
    cheap, dear = sorted((first, second), key=_cost)
    return _Test(lambda candidate: cheap.test(candidate) or dear.test(candidate), cheap.cost + dear.cost)


def _cost(test: _Test) -> int:
    return test.cost
