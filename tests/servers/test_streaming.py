"""Long replies: made while the client takes them, never gathered, never finished once it cannot be; and what stays."""

from __future__ import annotations

import gc
import weakref
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.budget import Budget
from labserver.dialogues.exchange import Command, Exchange, Reply
from labserver.errors import StoreError
from labserver.tls.engine import make_engines
from tests.servers.line import Line, Loop, line
from tests.session.playbook import Scripted, waiting
from tests.tls.clients import StdlibClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import trustme

    from labserver.tls.engine import TlsEngine, TlsSettings
    from tests.session.playbook import Building

pytestmark = pytest.mark.usefixtures("loop")

_MOST_QUEUED = 1 << 17
_KIB = 1024


@dataclass
class _Rest:
    """A hundred pieces of 16 KiB, and a note of each that was made; one of them may be something else."""

    made: list[int] = field(default_factory=list)
    instead: dict[int, bytes | Exception] = field(default_factory=dict)

    def __iter__(self) -> Iterator[bytes]:
        for number in range(100):
            self.made.append(number)
            piece = self.instead.get(number, b"%d" % (number % 10) * (16 * _KIB))
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def octets(self) -> bytes:
        """Return all of it."""
        return b"".join(b"%d" % (number % 10) * (16 * _KIB) for number in range(100) if number not in self.instead)


def _scripted(
    building: Building,
    rest: _Rest,
    *,
    make_engine: Callable[[], TlsEngine] | None = None,
    budget: Budget | None = None,
) -> Line:
    def long(_: Scripted, __: Command) -> Exchange:
        yield Reply.completion(b"long\r\n", "250", rest)

    def big(_: Scripted, __: Command) -> Exchange:
        yield Reply.completion(rest.octets())

    def many(_: Scripted, __: Command) -> Exchange:
        for _piece in range(100):
            yield Reply.untagged(b"x" * 16 * _KIB)
        yield Reply.completion(b"done\r\n")

    answers: dict[str, Callable[[Scripted, Command], Exchange]] = {
        "LONG": long,
        "BIG": big,
        "MANY": many,
        "WAIT": waiting,
    }
    service = "submissions" if make_engine else "smtp"
    opened = line(building, service, partial(Scripted, answers=answers), make_engine=make_engine, budget=budget)
    opened.connect()
    return opened


def _backend(opened: Line) -> Scripted:
    backend = opened.connection._membrane._backend  # noqa: SLF001 -- the script, which a test cannot have otherwise
    assert isinstance(backend, Scripted)
    return backend


def _replies(line: Line) -> list[events.ReplySent]:
    return [event for event in line.record.events if isinstance(event, events.ReplySent)]


@pytest.fixture(params=["openssl", "stdlib", "tlslite"])
def make_engine(request: pytest.FixtureRequest, served_settings: TlsSettings) -> Callable[[], TlsEngine]:
    """Return a maker of engines, of every kind that there is."""
    return make_engines(request.param, served_settings)


def test_pieces_are_made_as_they_are_taken(building: Building) -> None:
    """While the client does not read, no more of a reply is made than is queued; what follows waits for its end."""
    rest = _Rest()
    opened = _scripted(building, rest)
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(b"LONG\r\nNEXT\r\n")
    assert 0 < len(rest.made) <= _MOST_QUEUED // (16 * _KIB)
    assert "NEXT" not in _backend(opened).asked
    while opened.transport.pauses > opened.transport.resumptions:
        before = len(rest.made)
        opened.connection.resumeProducing()
        assert len(rest.made) - before <= _MOST_QUEUED // (16 * _KIB)
    assert opened.heard() == b"long\r\n" + rest.octets() + b"did NEXT\r\n"


@pytest.mark.parametrize("verb", [b"LONG", b"BIG", b"MANY"])
def test_what_is_queued_is_bounded(building: Building, verb: bytes) -> None:
    """However an answer is made, a client that never reads has at most 128 KiB of it queued."""
    opened = _scripted(building, _Rest())
    opened.transport.room = 0
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(verb + b"\r\n" + b"A\r\n" * 1000)
    assert 0 < opened.transport.queued <= _MOST_QUEUED
    assert opened.connection.queued == 0


@pytest.mark.parametrize(("verb", "whole"), [(b"LONG", 0), (b"BIG", 1600 * _KIB), (b"MANY", 0)])
def test_what_is_queued_is_counted(building: Building, verb: bytes, whole: int) -> None:
    """Output that a client does not take counts towards what clients make the lab hold, until it is taken or lost."""
    budget = Budget()
    opened = _scripted(building, _Rest(), budget=budget)
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(verb + b"\r\n")
    assert budget.held == opened.transport.queued + whole
    opened.transport.full_after_each_write = False
    opened.connection.resumeProducing()
    assert budget.held == 0
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(verb + b"\r\n")
    assert budget.held > 0
    opened.lose()
    assert budget.held == 0


@pytest.mark.parametrize("verb", [b"LONG", b"BIG", b"MANY"])
def test_what_is_queued_in_tls(
    building: Building, make_engine: Callable[[], TlsEngine], served_authority: trustme.CA, verb: bytes
) -> None:
    """Inside TLS it is as much, and its records."""
    opened = _scripted(building, _Rest(), make_engine=make_engine)
    client = StdlibClient(ca=served_authority.cert_pem.bytes().decode())
    opened.tls(client)
    opened.transport.room = opened.transport.queued = 0
    opened.transport.full_after_each_write = True
    client.send(verb + b"\r\n")
    opened.connection.dataReceived(client.outgoing())
    assert 0 < opened.transport.queued <= _MOST_QUEUED + _MOST_QUEUED // 100
    assert opened.connection.queued == 0


def test_a_short_rest_is_the_same_segment(building: Building) -> None:
    """A reply with a short rest leaves in one segment, with what is said before and after it."""

    def answer(_: Scripted, __: Command) -> Exchange:
        yield Reply.completion(b"begun ", "250", [b"and ", b"ended\r\n"])

    opened = line(building, "smtp", partial(Scripted, answers={"SHORT": answer}))
    opened.connect()
    opened.connection.dataReceived(b"A\r\nSHORT\r\nB\r\n")
    assert opened.transport.writes == [b"did A\r\nbegun and ended\r\ndid B\r\n"]


def test_an_empty_piece_gives_way(building: Building, loop: Loop) -> None:
    """Where making a piece takes long, others have their turns in between."""
    rest = _Rest(instead={1: b"", 2: b""})
    opened = _scripted(building, rest)
    opened.connection.dataReceived(b"LONG\r\n")
    assert rest.made == [0, 1]
    assert loop.turn() == 1
    assert rest.made == [0, 1, 2]
    assert loop.turn() == 1
    assert opened.heard() == b"long\r\n" + rest.octets()


def test_many_short_pieces_give_way(building: Building, loop: Loop) -> None:
    """However short the pieces of a long reply are, others have turns between them."""

    def answer(_: Scripted, __: Command) -> Exchange:
        yield Reply.completion(b"", "250", [b"x"] * 1000)

    opened = line(building, "smtp", partial(Scripted, answers={"MANY": answer}))
    opened.connect()
    said, turns = opened.say(b"MANY\r\n"), 0
    while loop.turn():
        turns += 1
        said += opened.heard()
    assert said == b"x" * 1000
    assert turns >= 15


def test_a_reply_that_cannot_be_finished(building: Building) -> None:
    """When the store fails in the middle of a reply, the connection ends without a word; the transcript says why."""
    rest = _Rest(instead={7: StoreError("The message was expunged.", code="EXPUNGEISSUED")})
    opened = _scripted(building, rest)
    opened.connection.dataReceived(b"LONG\r\nNEXT\r\n")
    assert opened.end() == "dropped"
    assert "NEXT" not in _backend(opened).asked
    last = opened.lose(cleanly=False)
    assert (last.by, last.reason) == ("server", "the rest of a reply cannot be had: The message was expunged.")
    assert not opened.all(events.InternalFault)


def test_a_fault_in_the_middle_of_a_reply(building: Building) -> None:
    """A fault of ours is told of, and nothing is said into the middle of a reply."""
    opened = _scripted(building, _Rest(instead={7: ZeroDivisionError("on purpose")}))
    opened.connection.dataReceived(b"LONG\r\n")
    assert opened.end() == "dropped"
    assert len(opened.all(events.InternalFault)) == 1
    assert b"421" not in opened.heard()


def test_a_long_reply_in_the_transcript(building: Building) -> None:
    """It is told of when it has been taken: its beginning, and how long it was."""
    rest = _Rest()
    opened = _scripted(building, rest)
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(b"LONG\r\nNEXT\r\n")
    assert [reply.data for reply in _replies(opened)] == [b"hello\r\n"]
    opened.transport.full_after_each_write = False
    opened.connection.resumeProducing()
    assert opened.connection.queued == 0
    _, long, following = _replies(opened)
    whole = b"long\r\n" + rest.octets()
    assert (long.size, long.kind) == (len(whole), "completion")
    assert whole.startswith(long.data)
    assert 16 * _KIB <= len(long.data) <= 32 * _KIB
    assert following.data == b"did NEXT\r\n"


def test_a_reply_that_was_cut_off_in_the_transcript(building: Building) -> None:
    """Of a reply that the client did not wait for, what was handed over counts."""
    opened = _scripted(building, _Rest())
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(b"LONG\r\n")
    handed_over = sum(map(len, opened.transport.writes))
    opened.lose()
    assert _replies(opened)[-1].size == handed_over
    assert isinstance(opened.record.events[-1], events.Disconnected)


def test_news_is_told_one_by_one(building: Building) -> None:
    """What is said unasked waits for the client, too, and a command behind it waits for all of it."""
    opened = _scripted(building, _Rest())
    opened.connection.dataReceived(b"WAIT\r\n")
    opened.transport.full_after_each_write = True
    scripted = _backend(opened)
    scripted.pending = [b"%d" % (number % 10) * 16 * _KIB for number in range(100)]
    opened.heard()
    scripted.link.notify()
    opened.connection.dataReceived(b"go on\r\n")
    assert len(scripted.pending) >= 100 - _MOST_QUEUED // (16 * _KIB)
    while scripted.pending:
        opened.connection.resumeProducing()
    opened.connection.resumeProducing()
    assert opened.heard().endswith(b"9" * 16 * _KIB + b"WAIT heard go on\r\n")


_LEAVING: dict[str, bytes] = {
    "greeted": b"",
    "in the middle of a long reply": b"LONG\r\n",
    "in the middle of one that is all made": b"BIG\r\n",
    "in the middle of an exchange": b"MANY\r\nA\r\nB\r\n",
    "while a command waits": b"WAIT\r\n",
    "in the middle of a line": b"A\r\nno end",
}


@pytest.mark.parametrize("said", _LEAVING.values(), ids=_LEAVING)
@pytest.mark.parametrize("secure", [False, True])
def test_nothing_stays_of_a_connection(
    building: Building,
    make_engine: Callable[[], TlsEngine],
    served_authority: trustme.CA,
    *,
    said: bytes,
    secure: bool,
) -> None:
    """Clients that leave without reading leave nothing behind, not even for the garbage collector."""
    watched = []
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            watched += _left(building, said, make_engine if secure else None, served_authority)
        assert Counter(what for what, reference in watched if reference() is not None) == Counter()
    finally:
        gc.enable()


def _left(
    building: Building, said: bytes, make_engine: Callable[[], TlsEngine] | None, authority: trustme.CA
) -> list[tuple[str, weakref.ref[object]]]:
    """Have a client ask and leave; return what is to be gone."""
    rest = _Rest()
    opened = _scripted(building, rest, make_engine=make_engine)
    client = StdlibClient(ca=authority.cert_pem.bytes().decode())
    if make_engine is not None:
        opened.tls(client)
    opened.transport.full_after_each_write = True
    if make_engine is not None:
        client.send(said)
        opened.connection.dataReceived(client.outgoing())
    elif said:
        opened.connection.dataReceived(said)
    connection = opened.connection
    membrane = connection._membrane  # noqa: SLF001 -- what nobody else may keep
    parts = {
        "connection": connection,
        "transport": opened.transport,
        "membrane": membrane,
        "framer": membrane._framer,  # noqa: SLF001 -- the same
        "backend": membrane._backend,  # noqa: SLF001 -- the same
        "exchange": membrane._exchange,  # noqa: SLF001 -- the same
        "engine": connection._engine,  # noqa: SLF001 -- the same
        "records": getattr(connection._engine, "_memory", None),  # noqa: SLF001 -- the same
        "rest": rest,
    }
    opened.lose(cleanly=False)
    opened.transport.producer = None  # as Twisted does
    opened.gone.clear()
    return [(what, weakref.ref(part)) for what, part in parts.items() if part is not None]
