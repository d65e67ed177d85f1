"""Which messages a search key means.

A key is turned into one test per message. What is cheap is tested first; a message's octets are read only when a test
that needs them is reached. Then all strings that the search looks for in its text are looked for together, so that a
value is decoded once, whatever number of keys there are. A long message is read in turns: the test that needs it is
broken off (:class:`_Unread`) and begun again when it was read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from operator import eq, ge, lt
from typing import TYPE_CHECKING, assert_never

from labserver.effort import GIVE_WAY, MESSAGE
from labserver.errors import StoreError
from labserver.imap.body_starts import body_start
from labserver.imap.search_keys import (
    ADDRESS_FIELDS,
    Age,
    All,
    And,
    Arrived,
    Brought,
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
from labserver.mailstore.properties import Properties
from labserver.message.addresses import addresses
from labserver.message.charsets import fold
from labserver.message.dates import sent_date
from labserver.message.header import Header as MessageHeader
from labserver.message.header import finding, unfolded
from labserver.message.text import body_pieces, header_text, is_text, short_text
from labserver.message.tree import read_tree, tree
from labserver.message.words import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from labserver.effort import Effort, Work
    from labserver.imap.search_keys import SearchKey
    from labserver.mailstore.message import Message
    from labserver.message.part import Part

__all__ = ["RELATIONS", "SearchContext", "evaluate"]

_LONG = 1 << 14
"""Octets of a message beyond which its text is read in turns."""
_STEP = MESSAGE * 256
"""Units of work that are counted at a time."""
_TEST = 16
"""Units that one more test of metadata takes."""
_READ = 768
"""Units to look into a message at all."""
_PART = 512
"""Units that a part takes besides its octets."""
_DECODED = 1 << 17
"""Units of a piece of a long body, which may be hard to decode."""
_NEEDLE = 2
"""Characters of what is looked for that make looking through one character as slow again, at the worst."""


_ODDLY_SPELLED = re.compile(rb'[(\\\t]|[ "][@.]|[@.][ "]')
_WHITE = b" \t\r\n"
_SHORT_NEEDLE = 16
"""Units to look for one string in a short text."""
_SEARCHED = 8
"""Characters that are looked through in the time of one unit, for a single character."""


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
    properties: Properties = field(default_factory=Properties)
    """Those that the store keeps."""
    changed: Mapping[Message, tuple[frozenset[str], int]] = field(default_factory=dict)
    """Flags and modification sequence as they were, of messages that change while the search gives way."""


def evaluate(key: SearchKey, context: SearchContext, effort: Effort) -> Work[list[tuple[int, Message]]]:
    """Find the sequence numbers and messages that match, ascending, in turns.

    A message whose octets are gone because another session expunged it does not match a key that needs them; any other
    StoreError is passed on.
    """
    compiler = _Compiler(context)
    test = compiler.compiled(key).test
    cost = MESSAGE + _TEST * compiler.tests
    changed = context.changed
    some_changed = bool(changed)
    candidate = _Candidate(compiler.in_headers, compiler.in_bodies)
    found = []
    for number, message in enumerate(context.messages, 1):
        candidate.number, candidate.message, candidate.read = number, message, None
        candidate.flags, candidate.modseq = (
            changed[message] if some_changed and message in changed else (message.flags, message.modseq)
        )
        candidate.spent += cost
        while True:
            try:
                if test(candidate):
                    found.append((number, message))
            except StoreError as error:
                if error.code != "EXPUNGEISSUED":
                    raise
            except _Unread as unread:
                yield from unread.reading(effort)
                some_changed = bool(changed)
                continue
            break
        if candidate.spent >= _STEP:
            if effort.spend(candidate.spent):
                yield GIVE_WAY
                some_changed = bool(changed)
            candidate.spent = 0
    if effort.spend(candidate.spent):
        yield GIVE_WAY
    return found


class _Unread(Exception):  # noqa: N818 -- no error: a test waits for something to be read
    """A test needs what is read in turns; ``reading`` reads it."""

    def __init__(self, reading: Callable[[Effort], Work[None]]) -> None:
        super().__init__()
        self.reading = reading


class _Candidate:
    """The message under test."""

    __slots__ = ("flags", "in_bodies", "in_headers", "message", "modseq", "number", "read", "spent")

    number: int
    message: Message
    flags: frozenset[str]
    modseq: int
    read: _Text | None

    def __init__(self, in_headers: frozenset[str], in_bodies: frozenset[str]) -> None:
        self.in_headers = in_headers
        self.in_bodies = in_bodies
        self.spent = 0
        """Units of work that were not counted yet."""

    @property
    def text(self) -> _Text:
        """The message's text; its octets are read now if they were not before."""
        if self.read is None:
            self.read = _Text(self.message, self)
        return self.read


class _Text:
    """What was read of one message, each value once, and which of the strings that are looked for were in it."""

    _end = -1
    """Where the header ends; -1 before that is known."""
    _header: MessageHeader | None = None
    _part: Part | None = None
    _headers: set[str] | None = None
    _bodies: set[str] | None = None

    def __init__(self, message: Message, candidate: _Candidate) -> None:
        self._content = message.content
        self._message = message
        self._candidate = candidate
        self._values: dict[bytes, list[str]] = {}
        self._addressed: dict[bytes, list[str]] = {}

    @property
    def end(self) -> int:
        if self._end < 0:
            self._end = body_start(self._message, self._content)
            self._candidate.spent += _READ + self._end
        return self._end

    @property
    def header(self) -> MessageHeader:
        if self._header is None:
            self._header = MessageHeader(self._content, 0, self.end)
        return self._header

    def field_contains(self, name: bytes, text: str) -> bool:
        values = self._values.get(name)
        if values is None:
            find = finding(name)
            found = self.header.all(name) if find is None else find(self._content, 0, self.end)
            values = self._values[name] = [_folded(value) for value in found]
            for value in values:
                self._candidate.spent += len(value)
        for value in values:  # noqa: SIM110 -- any() costs as much as all the rest, for a message
            if text in value:
                return True
        return False

    def addresses_contain(self, name: bytes, text: str) -> bool:
        """Look through a field and, where it spells them otherwise, through its addresses as ENVELOPE has them."""
        if self.field_contains(name, text):
            return True
        addressed = self._addressed.get(name)
        if addressed is None:
            addressed = self._addressed[name] = []
            find = finding(name)
            for value in self.header.all(name) if find is None else find(self._content, 0, self.end):
                addressed += map(fold, _spelled_oddly(unfolded(value)))
            self._candidate.spent += sum(map(len, addressed))
        return bool(addressed) and any(text in address for address in addressed)

    def sent_on(self) -> date:
        value = self.header.first(b"date")
        return ((sent_date(value) if value else None) or self._message.internal_date).date()

    def headers_contain(self, text: str) -> bool:
        if self._headers is None:
            if len(self._content) > _LONG:
                raise _Unread(self._read_headers)
            found = _Found(self._candidate.in_headers)
            found.look_at(fold(header_text(inner.header)) for inner in self._parts())
            self._headers = found.found
            self._candidate.spent += found.looked
        return text in self._headers

    def body_contains(self, text: str) -> bool:
        if self._bodies is None:
            if len(self._content) > _LONG:
                raise _Unread(self._read_bodies)
            found = _Found(self._candidate.in_bodies)
            found.look_at(short_text(inner) for inner in self._parts() if is_text(inner))
            self._bodies = found.found
            self._candidate.spent += found.looked
        return text in self._bodies

    def _parts(self) -> Iterator[Part]:
        """Yield the parts of a short message."""
        if self._part is None:
            self._part = tree(self._content)
        self._candidate.spent += len(self._content)
        for part in self._part.walk():
            self._candidate.spent += _PART
            yield part

    def _read_headers(self, effort: Effort) -> Work[None]:
        part = yield from self._tree(effort)
        found = _Found(self._candidate.in_headers)
        for inner in part.walk():
            if not found.missing:
                break
            yield from found.look_through((fold(header_text(inner.header)),), effort)
        self._headers = found.found

    def _read_bodies(self, effort: Effort) -> Work[None]:
        part = yield from self._tree(effort)
        found = _Found(self._candidate.in_bodies)
        for inner in part.walk():
            if not found.missing:
                break
            if is_text(inner):
                yield from found.look_through(body_pieces(inner), effort)
            elif effort.spend(_PART):
                yield GIVE_WAY
        self._bodies = found.found

    def _tree(self, effort: Effort) -> Work[Part]:
        if self._part is None:
            self._part = yield from read_tree(self._content, effort)
        return self._part


def _folded(value: bytes) -> str:
    """Return a field's value as it is compared; most of them are one line of plain ASCII."""
    if b"\n" in value or b"=?" in value or not value.isascii():
        return fold(readable(unfolded(value)))
    return fold(value.strip(_WHITE).decode())


def _spelled_oddly(value: bytes) -> Iterator[str]:
    """Yield the addresses as ENVELOPE has them, where a field spells them otherwise: ``user (home) @ lab.test``."""
    if _ODDLY_SPELLED.search(value):
        for address in addresses(value):
            if address.mailbox and address.host:
                yield readable(b"%b@%b" % (address.mailbox, address.host))


class _Found:
    """Which of some strings are in texts that come in pieces."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: set[str] = set()
        self.looked = 0
        """Units of work to look through short texts."""
        self.missing = set(wanted)

    def look_at(self, texts: Iterable[str]) -> None:
        """Look through short texts at once, up to where all is found."""
        for text in texts:
            self.looked += len(text) + _SHORT_NEEDLE * len(self.missing)
            found = [wanted for wanted in self.missing if wanted in text]
            if found:
                self.found.update(found)
                self.missing.difference_update(found)
                if not self.missing:
                    break

    def look_through(self, pieces: Iterable[str], effort: Effort) -> Work[None]:
        """Look through one text; what is cut in two by the end of a piece is found as well."""
        longest = max(map(len, self.missing), default=1) - 1
        before = ""
        if effort.spend(_PART):
            yield GIVE_WAY
        for piece in pieces:
            text = before + piece
            for wanted in tuple(self.missing):
                if wanted in text:
                    self.found.add(wanted)
                    self.missing.discard(wanted)
                if effort.spend(len(text) * (1 + len(wanted) // _NEEDLE) // _SEARCHED):
                    yield GIVE_WAY
            before = text[-longest:] if longest else ""
            if not self.missing:
                break
            if effort.spend(len(piece) + _DECODED):
                yield GIVE_WAY


_METADATA, _HEADER, _BODY = 1, 100, 10_000
"""What tests cost, roughly, in units of the cheapest."""


@dataclass(frozen=True, slots=True)
class _Test:
    """A key as a function."""

    test: Callable[[_Candidate], bool]
    cost: int = _METADATA


RELATIONS: dict[Relation, Callable[[date, date], bool]] = {
    Relation.BEFORE: lt,
    Relation.ON: eq,
    Relation.SINCE: ge,
}
"""How a message's day is compared with the key's."""


class _Compiler:
    """Makes a test of each key, one of all that are equal, and gathers what is looked for."""

    def __init__(self, context: SearchContext) -> None:
        self._context = context
        self._made: dict[SearchKey, _Test] = {}
        self._recent = frozenset(context.recent)
        self._texts: list[Text] = []

    @property
    def tests(self) -> int:
        """How many tests there are."""
        return len(self._made)

    @property
    def in_headers(self) -> frozenset[str]:
        """The strings that are looked for in headers."""
        return frozenset(key.text for key in self._texts if key.headers)

    @property
    def in_bodies(self) -> frozenset[str]:
        """The strings that are looked for in bodies."""
        return frozenset(key.text for key in self._texts)

    def compiled(self, key: SearchKey) -> _Test:
        """Return the key's test."""
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = self._compiled(key)
        return found

    def _compiled(self, key: SearchKey) -> _Test:  # noqa: C901, PLR0911, PLR0912 -- one case per class
        match key:
            case All():
                return _Test(lambda _: True)
            case Flag():
                return _flag(key)
            case Recent():
                recent = self._recent
                return _Test(lambda candidate: candidate.message.uid in recent)
            case Numbered():
                return _numbered(key, self._context)
            case Arrived(relation=relation, day=day):
                related = RELATIONS[relation]
                return _Test(lambda candidate: related(candidate.message.internal_date.date(), day))
            case Sent(relation=relation, day=day):
                related = RELATIONS[relation]
                return _Test(lambda candidate: related(candidate.text.sent_on(), day), _HEADER)
            case Age():
                return _age(key, self._context)
            case Size(octets=octets, larger=True):
                return _Test(lambda candidate: candidate.message.size > octets)
            case Size(octets=octets):
                return _Test(lambda candidate: candidate.message.size < octets)
            case Changed(modseq=modseq):
                return _Test(lambda candidate: candidate.modseq >= modseq)
            case Header(name=name, text=text, literally=False) if name in ADDRESS_FIELDS:
                return _Test(
                    lambda candidate: (candidate.read or candidate.text).addresses_contain(name, text), _HEADER
                )
            case Header(name=name, text=text):
                return _Test(lambda candidate: (candidate.read or candidate.text).field_contains(name, text), _HEADER)
            case Text():
                return self._text(key)
            case And(keys=keys):
                return _every([self.compiled(inner) for inner in dict.fromkeys(keys)])
            case Or(first=first, second=second):
                return _either(self.compiled(first), self.compiled(second))
            case Not(key=inner):
                negated = self.compiled(inner)
                return _Test(lambda candidate: not negated.test(candidate), negated.cost)
            case Brought():
                test = key.test(self._context)
                return _Test(lambda candidate: test(candidate.message))
        assert_never(key)

    def _text(self, key: Text) -> _Test:
        text = key.text
        if not text:
            return _Test(lambda _: True)
        self._texts.append(key)
        if not key.headers:
            return _Test(lambda candidate: candidate.text.body_contains(text), _BODY)
        return _Test(
            lambda candidate: candidate.text.headers_contain(text) or candidate.text.body_contains(text), _BODY
        )


class _HaveFlag(dict[frozenset[str], bool]):
    """Whether a flag is among others, without regard to case: each of the few sets in a mailbox is looked at once."""

    def __init__(self, key: Flag) -> None:
        super().__init__()
        self._wanted, self._present = key.name.lower(), key.present

    def __missing__(self, flags: frozenset[str]) -> bool:
        matches = self[flags] = any(flag.lower() == self._wanted for flag in flags) is self._present
        return matches


def _flag(key: Flag) -> _Test:
    matches = _HaveFlag(key)
    return _Test(lambda candidate: matches[candidate.flags])


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
