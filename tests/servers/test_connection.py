"""The wire in clear: segments, back-pressure, time, and what happens when something of ours breaks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from twisted.internet.interfaces import IHalfCloseableProtocol

from labserver import events
from labserver.budget import Budget
from labserver.dialogues.exchange import Command, Exchange, Reply
from labserver.servers.turns import Turns
from labserver.wire.actions import Pause
from tests.servers.line import Line, Loop, line
from tests.session.playbook import Scripted, data, waiting, working

if TYPE_CHECKING:
    from tests.session.playbook import Building

pytestmark = pytest.mark.usefixtures("loop")


def _much(scripted: Scripted, command: Command) -> Exchange:
    """Answer with a mebibyte in pieces, noting how many were asked for."""
    for _ in range(1024):
        scripted.asked.append("piece")
        yield Reply.untagged(b"x" * 1024)
    yield Reply.completion(b"done %b\r\n" % command.verb.encode())


def _broken(_: Scripted, __: Command) -> Exchange:
    yield Reply.untagged(b"so far\r\n")
    raise ZeroDivisionError("on purpose")


def _slow(_: Scripted, command: Command) -> Exchange:
    yield Pause(10)  # type: ignore[misc]  # a facet's, which a backend never asks for
    yield Reply.completion(b"done %b\r\n" % command.verb.encode())


_ANSWERS = {"SLOW": _slow, "WAIT": waiting, "WORK": working, "DATA": data, "MUCH": _much, "BREAK": _broken}


def _scripted(
    building: Building, service: str = "smtp", *, budget: Budget | None = None, turns: Turns | None = None
) -> tuple[Line, Scripted]:
    made: list[Scripted] = []

    def make(link: object) -> Scripted:
        made.append(Scripted(link, dict(_ANSWERS)))  # type: ignore[arg-type]  # the membrane is the link
        return made[-1]

    opened = line(building, service, make, budget=budget, turns=turns)
    assert opened.connect() == b"hello\r\n"
    return opened, made[0]


def test_the_greeting_is_one_segment(building: Building) -> None:
    """A server speaks first, in one segment, without Nagle's delay."""
    opened = line(building, "imap")
    opened.begin()
    assert len(opened.transport.writes) == 1
    assert opened.transport.writes[0].startswith(b"* OK ")
    assert opened.transport.nodelay


def test_what_is_said_together_is_one_segment(building: Building) -> None:
    """The answers to one segment leave in one segment."""
    opened, _ = _scripted(building)
    opened.connection.dataReceived(b"A\r\nB\r\nC\r\n")
    assert opened.transport.writes == [b"did A\r\ndid B\r\ndid C\r\n"]


def test_a_long_answer_leaves_in_pieces(building: Building) -> None:
    """A long answer does not gather in memory: it leaves in segments of some tens of kibibytes."""
    opened, _ = _scripted(building)
    opened.connection.dataReceived(b"MUCH\r\n")
    sizes = [len(segment) for segment in opened.transport.writes]
    assert sum(sizes) == (1 << 20) + len("done MUCH\r\n")
    assert max(sizes) < 1 << 17
    assert len(sizes) < 20


def test_back_pressure(building: Building) -> None:
    """While the transport is full, nothing more is asked of the session and nothing is read."""
    opened, scripted = _scripted(building)
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(b"MUCH\r\nNEXT\r\n")
    asked = scripted.asked.count("piece")
    assert 0 < asked < 200
    assert opened.transport.pauses == 1
    opened.transport.full_after_each_write = False
    opened.connection.resumeProducing()
    assert opened.transport.resumptions == 1
    assert opened.heard().endswith(b"done MUCH\r\ndid NEXT\r\n")
    assert scripted.asked.count("piece") == 1024


def test_a_short_answer_is_written_at_once(building: Building) -> None:
    """What the network takes does not wait for a turn of the event loop; a long answer leaves others their turns."""
    opened, _ = _scripted(building)
    assert opened.say(b"A\r\n") == b"did A\r\n"
    assert opened.transport.queued == 0
    assert opened.say(b"MUCH\r\n").endswith(b"done MUCH\r\n")
    assert opened.transport.queued == (1 << 20) + len("done MUCH\r\n")


def test_an_answer_that_does_not_fit_is_queued(building: Building) -> None:
    """What the network does not take waits, and all that follows waits behind it, until everything is sent."""
    opened, _ = _scripted(building)
    opened.transport.room = 3
    assert opened.say(b"A\r\n") == b"did A\r\n"
    opened.transport.room = 100
    assert opened.say(b"B\r\n") == b"did B\r\n"
    assert opened.transport.queued == len(" A\r\n") + len("did B\r\n")
    opened.connection.resumeProducing()
    assert opened.say(b"C\r\n") == b"did C\r\n"
    assert opened.transport.queued == len(" A\r\n") + len("did B\r\n")


def test_a_broken_network_is_the_transports_to_report(building: Building) -> None:
    """A write that fails is left to the transport, which will find out and say so."""
    opened, _ = _scripted(building)
    opened.transport.room = -1
    opened.say(b"A\r\n")
    assert opened.transport.queued == len("did A\r\n")
    assert opened.lose(cleanly=False).by == "client"


def test_back_pressure_inside_one_reply(building: Building) -> None:
    """A single long reply goes out in pieces, too, and what follows it waits for its end."""

    def answer(_: Scripted, __: Command) -> Exchange:
        yield Reply.untagged(b"".join(b"%07d\n" % number for number in range(1 << 17)))
        yield Reply.completion(b"done\r\n")

    opened = line(building, "smtp", partial(Scripted, answers={"LONG": answer}))
    opened.connect()
    opened.transport.full_after_each_write = True
    opened.connection.dataReceived(b"LONG\r\n")
    assert sum(map(len, opened.transport.writes)) < 1 << 18
    pieces = 0
    while opened.transport.pauses > opened.transport.resumptions:
        opened.connection.resumeProducing()
        pieces += 1
    assert pieces >= 8
    said = opened.heard()
    assert said == b"".join(b"%07d\n" % number for number in range(1 << 17)) + b"done\r\n"


def test_notified_by_another_session(building: Building) -> None:
    """News are written as soon as there are any, and not to a connection that is gone."""
    opened, scripted = _scripted(building)
    scripted.pending = [b"* news\r\n"]
    scripted.link.notify()
    assert opened.heard() == b"* news\r\n"
    opened.lose()
    scripted.link.notify()
    assert opened.heard() == b""


def test_the_server_closes(building: Building) -> None:
    """QUIT is answered, then the connection closes; the event tells by whom."""
    opened = line(building, "smtp")
    opened.connect()
    assert opened.say(b"QUIT\r\n").startswith(b"221 ")
    assert opened.end() == "closing"
    assert opened.say(b"NOOP\r\n") == b"", "what comes after the end is not heard"
    last = opened.lose()
    assert (last.by, last.clean, last.reason) == ("server", True, "")
    assert last.received == len(b"QUIT\r\nNOOP\r\n")
    assert last.sent == sum(event.size for event in opened.all(events.RawSent) if isinstance(event, events.RawSent))
    assert opened.gone == [opened.connection]


def test_the_client_closes_its_side(building: Building) -> None:
    """A client that closes its side is answered first: ``printf … | nc -N`` works."""
    opened, _ = _scripted(building)
    assert IHalfCloseableProtocol.providedBy(opened.connection)
    opened.connection.dataReceived(b"A\r\n")
    opened.connection.readConnectionLost()
    opened.connection.writeConnectionLost()
    assert opened.heard() == b"did A\r\n"
    assert opened.end() == "closing"
    assert opened.lose().by == "client"


def test_the_client_closes_its_side_while_it_does_not_read(building: Building) -> None:
    """All that was asked for is sent, as the client takes it, before the connection closes."""
    opened, _ = _scripted(building)
    opened.connection.pauseProducing()
    opened.connection.dataReceived(b"MUCH\r\n")
    opened.connection.readConnectionLost()
    assert opened.end() == "open"
    opened.connection.resumeProducing()
    assert opened.heard().endswith(b"done MUCH\r\n")
    assert opened.end() == "closing"


def test_the_client_vanishes(building: Building) -> None:
    """A reset is told with its reason, and the session is released."""
    opened, scripted = _scripted(building)
    last = opened.lose(cleanly=False)
    assert last.by == "client"
    assert "non-clean" in last.reason
    assert scripted.gone


def test_no_timer_is_left(building: Building, loop: Loop) -> None:
    """A connection that is gone has no timers."""
    opened, _ = _scripted(building)
    assert loop.armed == 1
    opened.lose()
    assert loop.armed == 0


def test_idle(building: Building, loop: Loop) -> None:
    """A silent client is told and let go when its time is over; each octet starts it again."""
    building.limit(idle_time=100.0)
    opened, _ = _scripted(building)
    loop.pass_time(90)
    opened.say(b"N")
    loop.pass_time(99)
    assert opened.heard() == b""
    loop.pass_time(2)
    assert opened.heard().startswith(b"421 4.4.2 ")
    assert opened.end() == "closing"


@pytest.mark.parametrize("said", [b"WAIT\r\n", b"DATA\r\nhalf of i"])
def test_idle_inside_a_command(building: Building, loop: Loop, said: bytes) -> None:
    """Silence is silence in every phase."""
    building.limit(idle_time=100.0)
    opened, _ = _scripted(building)
    opened.say(said)
    loop.pass_time(101)
    assert opened.heard().startswith(b"421 4.4.2 ")


def test_a_client_that_does_not_read(building: Building, loop: Loop) -> None:
    """A client that asks and does not read is dropped without words; one that reads slowly is not."""
    building.limit(idle_time=100.0)
    opened, _ = _scripted(building)
    opened.connection.pauseProducing()
    for _ in range(5):
        loop.pass_time(60)
        opened.connection.resumeProducing()
        opened.connection.pauseProducing()
    assert opened.end() != "dropped"
    loop.pass_time(101)
    assert opened.end() == "dropped"
    last = opened.lose(cleanly=False)
    assert (last.by, last.reason) == ("server", "the client stopped reading")


def test_last_words_nobody_takes(building: Building, loop: Loop) -> None:
    """A client that does not take the last words is dropped after a while: no descriptor is kept for it."""
    opened = line(building, "smtp")
    opened.connect()
    opened.say(b"QUIT\r\n")
    loop.pass_time(29)
    assert opened.end() != "dropped"
    loop.pass_time(2)
    assert opened.end() == "dropped"


def test_full(building: Building) -> None:
    """One connection too many is refused instead of greeted."""
    opened = line(building, "imap", overloaded=True)
    assert opened.connect() == b"* BYE [UNAVAILABLE] Too many connections, try again later\r\n"
    assert opened.end() == "closing"


def test_drain(building: Building) -> None:
    """Shutting down says goodbye."""
    opened, _ = _scripted(building)
    opened.connection.drain()
    assert opened.heard().startswith(b"421 4.3.2 ")
    assert opened.end() == "closing"
    opened.connection.drain()
    assert opened.heard() == b""


def test_abort(building: Building) -> None:
    """An abort drops the connection and tells why; one that is gone already is left alone."""
    opened, _ = _scripted(building)
    opened.connection.abort("because")
    assert opened.end() == "dropped"
    last = opened.lose(cleanly=False)
    assert (last.by, last.reason) == ("server", "because")
    opened.connection.abort("again")
    assert opened.transport.aborts == 1


def test_a_fault_of_ours(building: Building, caplog: pytest.LogCaptureFixture) -> None:
    """An exception in a session ends that session, in the protocol's words, and is told as our fault."""
    opened, scripted = _scripted(building)
    assert opened.say(b"BREAK\r\n") == b"so far\r\n421 4.3.0 Internal error, closing the connection\r\n"
    assert opened.end() == "closing"
    (fault,) = opened.all(events.InternalFault)
    assert isinstance(fault, events.InternalFault)
    assert fault.description == "ZeroDivisionError: on purpose"
    assert "on purpose" in caplog.text
    opened.lose()
    assert scripted.gone


def test_a_fault_in_the_beginning(building: Building, caplog: pytest.LogCaptureFixture) -> None:
    """A session that cannot even begin is told the same way."""

    def make(_: object) -> Scripted:
        raise ZeroDivisionError("no session today")

    opened = line(building, "pop3", make)
    assert opened.connect().startswith(b"-ERR [SYS/TEMP] Internal error")
    assert opened.end() == "closing"
    assert "no session today" in caplog.text


def test_a_fault_when_woken(building: Building, caplog: pytest.LogCaptureFixture) -> None:
    """News that cannot be told are this session's fault, not that of the one that brought them."""
    opened, scripted = _scripted(building)
    scripted.pending = partial(int, "x")  # type: ignore[assignment]  # breaks when it is looked at
    scripted.link.notify()
    assert opened.heard().startswith(b"421 4.3.0 ")
    assert len(opened.all(events.InternalFault)) == 1
    assert "internal error" in caplog.text


def test_raw_octets_are_events(building: Building) -> None:
    """The transcript has what crossed the network, as it did."""
    opened, _ = _scripted(building)
    opened.say(b"A")
    opened.say(b"\r\n")
    received = [event for event in opened.all(events.RawReceived) if isinstance(event, events.RawReceived)]
    sent = [event for event in opened.all(events.RawSent) if isinstance(event, events.RawSent)]
    assert [(event.data, event.encrypted) for event in received] == [(b"A", False), (b"\r\n", False)]
    assert [(event.data, event.encrypted) for event in sent] == [(b"hello\r\n", False), (b"did A\r\n", False)]


def test_a_long_command_goes_on_in_the_next_turns(building: Building, loop: Loop) -> None:
    """What works gives way: others have their turn, what is said so far is sent, and the end comes in a later turn."""
    opened, scripted = _scripted(building)
    assert opened.say(b"WORK\r\nA\r\n") == b""
    assert [loop.turn() for _ in range(2)] == [1, 1]
    assert (scripted.asked, opened.heard()) == (["WORK", "turn", "turn", "turn"], b"")
    loop.turn()
    assert opened.heard() == b"half way\r\n"
    loop.turn()
    assert opened.heard() == b"worked WORK\r\ndid A\r\n"
    assert loop.turn() == 0


def test_what_comes_meanwhile_waits(building: Building, loop: Loop) -> None:
    """While a command works, one more segment is taken in; then nothing is read until its work is done."""
    opened, _ = _scripted(building)
    opened.say(b"WORK\r\n")
    assert opened.transport.pauses == 0
    assert opened.say(b"A\r\n") == b""
    assert opened.transport.pauses == 1
    for _ in range(3):
        loop.turn()
        assert opened.transport.resumptions == 0
    loop.turn()
    assert opened.heard() == b"half way\r\nworked WORK\r\ndid A\r\n"
    assert opened.transport.resumptions == 1


def test_reading_starts_again_only_when_both_have_time(building: Building, loop: Loop) -> None:
    """A client that is slow to read while its command works is read again after both, in whatever order they end."""
    for slow_to_the_end in (False, True):
        opened, _ = _scripted(building)
        opened.say(b"WORK\r\n")
        opened.say(b"A\r\n")
        opened.connection.pauseProducing()
        if slow_to_the_end:
            assert loop.turn() == 1
        opened.connection.resumeProducing()
        while loop.turn():
            pass
        assert opened.heard() == b"half way\r\nworked WORK\r\ndid A\r\n"
        assert opened.transport.resumptions == 1


def test_work_stops_while_the_client_does_not_read(building: Building, loop: Loop) -> None:
    """A command that gives way is not gone on with for a client that takes nothing."""
    opened, scripted = _scripted(building)
    opened.say(b"WORK\r\n")
    opened.connection.pauseProducing()
    assert [loop.turn() for _ in range(3)] == [1, 0, 0]
    assert scripted.asked == ["WORK", "turn"]
    opened.connection.resumeProducing()
    while loop.turn():
        pass
    assert opened.heard() == b"half way\r\nworked WORK\r\n"


def test_a_client_that_leaves_a_command_at_work(building: Building, loop: Loop) -> None:
    """A lost connection cuts the command short; nothing goes on for nobody."""
    opened, scripted = _scripted(building)
    opened.say(b"WORK\r\n")
    loop.turn()
    opened.lose(cleanly=False)
    assert scripted.asked == ["WORK", "turn", "turn", "cut"]
    assert scripted.gone
    assert loop.turn() == 0


def test_a_client_that_closes_its_side_while_a_command_works(building: Building, loop: Loop) -> None:
    """What was asked for is answered first, however many turns it takes."""
    opened, _ = _scripted(building)
    opened.say(b"WORK\r\n")
    opened.connection.readConnectionLost()
    assert opened.end() == "open"
    while loop.turn():
        pass
    assert opened.heard() == b"half way\r\nworked WORK\r\n"
    assert opened.end() == "closing"


def test_the_lab_stops_while_a_command_works(building: Building, loop: Loop) -> None:
    """The goodbye follows the answer; a lab that cannot wait for it drops the connection, and the command ends."""
    opened, _ = _scripted(building)
    opened.say(b"WORK\r\n")
    opened.connection.drain()
    while loop.turn():
        pass
    assert opened.heard().startswith(b"half way\r\nworked WORK\r\n421 4.3.2 ")
    dropped, scripted = _scripted(building)
    dropped.say(b"WORK\r\n")
    dropped.connection.abort("shutting down")
    loop.turn()
    dropped.lose(cleanly=False)
    assert scripted.asked == ["WORK", "turn", "cut"]


def test_work_is_no_silence(building: Building, loop: Loop) -> None:
    """A client whose command works does not owe anything; once it is answered, its time begins."""
    building.limit(idle_time=100.0)
    opened, _ = _scripted(building)
    opened.say(b"WORK\r\n")
    loop.pass_time(101)
    assert opened.heard() == b""
    while loop.turn():
        pass
    assert opened.heard() == b"half way\r\nworked WORK\r\n"
    loop.pass_time(101)
    assert opened.heard().startswith(b"421 4.4.2 ")


def test_pipelined_commands_give_way(building: Building, loop: Loop) -> None:
    """A segment may hold thousands of commands: after so many in a row others have their turn."""
    opened, scripted = _scripted(building)
    opened.connection.dataReceived(b"A\r\n" * 200)
    asked = [len(scripted.asked)]
    while loop.turn():
        asked.append(len(scripted.asked))
    assert asked[-1] == 200
    assert max(after - before for before, after in zip([0, *asked], asked, strict=False)) <= 64
    assert opened.heard() == b"did A\r\n" * 200


def test_what_waits_is_counted_and_bounded(building: Building, loop: Loop) -> None:
    """While nothing can be done with it little is read ahead; it is counted, and all of it is answered later."""
    budget = Budget()
    opened, scripted = _scripted(building, budget=budget)
    opened.say(b"SLOW\r\n")
    lines = b"LINE\r\n" * 1_000
    sent = 0
    while not opened.transport.pauses:
        assert opened.say(lines) == b""
        sent += 1_000
        assert budget.held == 6 * sent
    assert 1 << 16 < budget.held <= (1 << 16) + len(lines)
    assert opened.transport.resumptions == 0
    loop.pass_time(11)
    while loop.turn():
        pass
    assert opened.transport.resumptions == 1
    assert len(scripted.asked) == 1 + sent
    assert budget.held == 0


def test_half_a_line_is_counted(building: Building) -> None:
    """What a client began to say counts until it has ended, or the client is gone."""
    budget = Budget()
    opened, _ = _scripted(building, budget=budget)
    opened.say(b"x" * 700)
    assert budget.held == 700
    opened.say(b"\r\n")
    assert budget.held == 0
    opened.say(b"y" * 800)
    assert budget.held == 800
    opened.lose()
    assert budget.held == 0


def test_who_uploads_takes_turns(building: Building, loop: Loop) -> None:
    """Where more upload than are read at once, each rests after a segment, but no answered or small one."""
    turns = Turns(at_once=1)
    (one, _), (other, _), (small, _) = (_scripted(building, turns=turns) for _ in range(3))
    segment = b"x" * 60_000
    for each in (one, other, small):
        each.say(b"DATA\r\n")
    for _ in range(3):
        one.say(segment)
    assert one.transport.pauses == 0
    other.say(segment)
    small.say(b"small")
    assert [each.transport.pauses for each in (one, other, small)] == [0, 1, 0]
    assert other.transport.resumptions == 0
    loop.turn()
    assert other.transport.resumptions == 1
    assert one.say(b"\r\n.\r\n").startswith(b"DATA ")
    other.say(segment)
    assert other.transport.pauses == 1
    one.lose()
    other.lose()


def test_who_rests_may_be_gone(building: Building, loop: Loop) -> None:
    """A turn that comes too late is nobody's."""
    turns = Turns(at_once=1)
    (one, _), (other, _) = (_scripted(building, turns=turns) for _ in range(2))
    for each in (one, other):
        each.say(b"DATA\r\n")
        each.say(b"x" * 60_000)
    assert other.transport.pauses == 1
    other.lose()
    loop.turn()
    assert other.transport.resumptions == 0


def test_a_client_that_neither_reads_nor_rests(building: Building, loop: Loop) -> None:
    """Whoever has two reasons not to be read is read when both are gone."""
    turns = Turns(at_once=1)
    (one, _), (other, _) = (_scripted(building, turns=turns) for _ in range(2))
    for each in (one, other):
        each.say(b"DATA\r\n")
        each.say(b"x" * 60_000)
    other.connection.pauseProducing()
    loop.turn()
    assert other.transport.resumptions == 0
    other.connection.resumeProducing()
    assert other.transport.resumptions == 1
