"""What a misbehaving session says on its way out: held, cut in pieces, delayed and ended, by a clock of the test's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.conditions import Nth, When
from labserver.misbehaviours.kinds.answers import Answer
from labserver.misbehaviours.kinds.ends import End
from labserver.misbehaviours.kinds.timing import Delay, Drip, Held, Records, Segments, Stall
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.words import Lines
from tests.servers.line import Line, Loop, line
from tests.tls.clients import StdlibClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.misbehaviours.base import Misbehaviour
    from labserver.tls.engine import TlsEngine
    from tests.session.playbook import Building

NOOP = When(command="NOOP")
GREETING = When(on=Occasion.GREETING)


def _met(building: Building, *links: Misbehaviour, service: str = "smtp") -> Line:
    return line(building, service, chain=Chain(links))


def test_a_greeting_drips(building: Building, loop: Loop) -> None:
    """Octet by octet, each a segment, in its time; it is told when the first has left, the reply when the last has."""
    met = _met(building, Drip(when=GREETING, size=8, seconds=1))
    assert met.connect() == b"220 mail"
    assert [event.facet for event in met.all(events.Misbehaved) if isinstance(event, events.Misbehaved)] == ["drip"]
    assert met.all(events.ReplySent) == []
    loop.pass_time(1)
    assert met.heard() == b".lab.tes"
    loop.pass_time(60)
    assert met.heard().endswith(b"\r\n")
    (sent,) = met.all(events.ReplySent)
    assert sent.at > 2


def test_what_comes_behind_it_waits(building: Building, loop: Loop) -> None:
    """Commands are answered behind what drips, and not in pieces."""
    met = _met(building, Drip(when=GREETING, size=30, seconds=1))
    first = met.connect()
    assert met.say(b"NOOP\r\n") == b""
    loop.pass_time(10)
    said = first + met.heard()
    assert said.startswith(b"220 mail.lab.test")
    assert said.endswith(b"\r\n250 2.0.0 OK\r\n")


def test_a_pause_keeps_commands_unread(building: Building, loop: Loop) -> None:
    """What the client says meanwhile is taken note of when it is read, behind the pause."""
    met = _met(building, Delay(when=NOOP, seconds=3))
    met.connect()
    assert met.say(b"NOOP\r\nRSET\r\n") == b""
    assert len(met.all(events.CommandReceived)) == 1
    loop.pass_time(3)
    assert met.heard() == b"250 2.0.0 OK\r\n250 2.0.0 OK\r\n"
    told = [event for event in met.record.events if isinstance(event, events.CommandReceived | events.Misbehaved)]
    assert [event.at for event in told] == [0, 0, 3]


def test_a_hold_lets_commands_be_read(building: Building, loop: Loop) -> None:
    """The client is read all the while; its replies leave together when the time is over, and are dated then."""
    met = _met(building, Held(when=NOOP, seconds=3))
    met.connect()
    assert met.say(b"NOOP\r\nRSET\r\n") == b""
    assert len(met.all(events.CommandReceived)) == 2
    loop.pass_time(3)
    assert met.heard() == b"250 2.0.0 OK\r\n250 2.0.0 OK\r\n"
    assert [event.at for event in met.all(events.ReplySent)] == [0, 3, 3]


def test_segments(building: Building, loop: Loop) -> None:  # noqa: ARG001 -- the connection's
    """Cut between CR and LF, each piece is a write of its own, and no time passes."""
    met = _met(building, Segments(when=NOOP, cut="inside-crlf"))
    met.connect()
    met.connection.dataReceived(b"NOOP\r\n")
    assert met.transport.writes == [b"250 2.0.0 OK\r", b"\n"]


def test_who_is_kept_waiting_is_not_idle(building: Building, loop: Loop) -> None:
    """The limits on a silent client do not run while it is the server who is silent."""
    building.limit(idle_time=10.0)
    met = _met(building, Stall(when=NOOP, seconds=100))
    met.connect()
    met.say(b"NOOP\r\n")
    loop.pass_time(99)
    assert (met.heard(), met.end()) == (b"", "open")
    loop.pass_time(1)
    assert met.end() == "closing"


def test_the_lab_itself_waits_for_no_misbehaviour(building: Building, loop: Loop) -> None:  # noqa: ARG001 -- the connection's
    """When the lab stops, what is delayed leaves at once and its last words come behind it."""
    met = _met(building, Drip(when=GREETING, size=1, seconds=1), Stall(when=NOOP, seconds=100, then="answer"))
    first = met.connect()
    met.connection.drain()
    said = first + met.heard()
    assert said.count(b"\r\n") == 2
    assert b"\r\n421 4.3.2 " in said
    assert met.end() == "closing"


def test_half_closed(building: Building, loop: Loop) -> None:
    """The sending side is closed; the client is read until it leaves, and is dropped if it stays."""
    met = _met(building, End(when=NOOP, how="half", say=Lines("250 bye")))
    met.connect()
    assert met.say(b"NOOP\r\n") == b"250 bye\r\n"
    assert (met.transport.half_losing, met.end()) == (True, "open")
    assert met.say(b"RSET\r\n") == b""
    met.connection.readConnectionLost()
    assert met.end() == "closing"
    other = _met(building, End(when=NOOP, how="half"))
    other.connect()
    other.say(b"NOOP\r\n")
    loop.pass_time(60)
    assert other.end() == "dropped"


def test_without_close_notify(building: Building, loop: Loop, make_engine: Callable[[], TlsEngine]) -> None:
    """Inside TLS the connection ends, and nothing but TCP says so (RFC 8446 6.1)."""
    for link, polite in ((End(when=NOOP), True), (End(when=NOOP, how="no-close-notify"), False)):
        met = line(building, "submissions", make_engine=make_engine, chain=Chain([link]))
        met.connect()
        client = StdlibClient(ca=None)
        met.tls(client)
        client.send(b"NOOP\r\n")
        met.tls(client)
        loop.turn()
        assert met.end() == "closing"
        assert client.closed == polite


def test_below_tls(building: Building, loop: Loop, make_engine: Callable[[], TlsEngine]) -> None:
    """Records leave in pieces from the first octet on, the handshake's too; the client puts them together."""
    met = line(building, "submissions", make_engine=make_engine, chain=Chain([Records(size=100, seconds=0.5)]))
    met.connect()
    client = StdlibClient(ca=None)
    met.tls(client)
    heard = b""
    for _ in range(100):
        loop.pass_time(0.5)
        assert all(len(piece) <= 100 for piece in met.transport.writes)
        heard += met.tls(client)
    assert heard.startswith(b"220 ")
    assert [event.facet for event in met.all(events.Misbehaved) if isinstance(event, events.Misbehaved)] == ["records"]


def test_nothing_waits_behind_one_who_is_gone(building: Building, loop: Loop) -> None:
    """A client that leaves takes its timers and its octets with it."""
    met = _met(building, Drip(when=GREETING, seconds=1), Answer(when=NOOP, send=Lines("250 ok")))
    met.connect()
    met.lose()
    assert loop.armed == 0
    assert met.connection.queued == 0


def test_a_flood_behind_a_hold(building: Building, loop: Loop) -> None:
    """While what is said is held, the client is read for a while and no longer; all of it is answered in the end."""
    met = _met(building, Held(when=When(command="NOOP", nth=Nth("1")), seconds=5))
    met.connect()
    sent = 0
    while met.transport.pauses == 0:
        assert met.say(b"NOOP\r\n" * 1000) == b""
        loop.turn()
        sent += 1000
        assert sent < 100_000, "it is read without end"
    assert met.connection.queued + met.connection.held < 1 << 18
    heard = b""
    for _ in range(2000):
        loop.pass_time(5)
        loop.turn()
        heard += met.heard()
    assert heard.count(b"250 2.0.0 OK\r\n") == sent
    assert met.transport.resumptions > 0


def test_a_client_that_takes_nothing_costs_no_timer(building: Building, loop: Loop) -> None:
    """What is due to a client that does not read waits for it, and nobody looks again and again."""
    met = _met(building, Drip(when=GREETING, size=8, seconds=1))
    first = met.connect()
    met.connection.pauseProducing()
    loop.pass_time(5)
    assert (met.heard(), loop.armed) == (b"", 1), "the limit on a silent client is the only timer"
    met.connection.resumeProducing()
    loop.pass_time(60)
    assert (first + met.heard()).endswith(b"\r\n")


def test_a_silence_behind_a_pause_costs_no_timer(building: Building, loop: Loop) -> None:
    """A silence that cannot be answered now is answered when the client reads again, once."""
    met = _met(building, Answer(when=When(on=Occasion.QUIET, idle=1), send=Lines("421 still there?")))
    met.connect()
    met.connection.pauseProducing()
    loop.pass_time(50)
    assert (met.heard(), loop.armed) == (b"", 1)
    met.connection.resumeProducing()
    loop.pass_time(5)
    assert met.heard() == b"421 still there?\r\n"
