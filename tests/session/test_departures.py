"""The server leaves: when it is idle, shut down or overloaded, in every phase of a dialogue."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Farewell
from labserver.events import CommandReceived
from tests.session.playbook import Scripted, data, waiting

if TYPE_CHECKING:
    from tests.session.playbook import Building, Talk

_LAST_WORDS = {"smtp": b"421 4.3.2 ", "imap": b"* BYE [UNAVAILABLE] ", "pop3": b"-ERR [SYS/TEMP] "}


@pytest.fixture(params=list(_LAST_WORDS))
def service(request: pytest.FixtureRequest) -> str:
    """Run the test for each protocol."""
    name: str = request.param
    return name


def _scripted(building: Building) -> Talk:
    return building.opened("smtp", partial(Scripted, answers={"WAIT": waiting, "DATA": data}))


def test_instead_of_the_greeting(building: Building, service: str) -> None:
    """A server that is full says so instead of hello (RFC 5321 3.1, RFC 9051 7.1.5)."""
    talk = building.talk(service)
    said = talk.open(refusal=Farewell.OVERLOADED)
    assert said.startswith(_LAST_WORDS[service])
    assert said.count(b"\r\n") == 1
    assert talk.closed
    assert talk.say(b"NOOP\r\n") == b""


def test_between_commands(building: Building, service: str) -> None:
    """A session that waits for a command hears it at once."""
    talk = building.opened(service)
    assert talk.depart().startswith(_LAST_WORDS[service])
    assert talk.closed


def test_inside_half_a_command(building: Building) -> None:
    """Half a line is no command: the goodbye does not wait for the rest."""
    talk = _scripted(building)
    talk.say(b"NOO")
    assert talk.depart().startswith(b"421 ")
    assert talk.closed


def test_while_waiting_for_a_line(building: Building) -> None:
    """IDLE and AUTH hear it at once."""
    talk = _scripted(building)
    talk.say(b"WAIT\r\n")
    assert talk.depart().startswith(b"421 ")
    assert talk.closed


def test_not_inside_data(building: Building) -> None:
    """Mail that is on its way is taken and answered first; then comes the goodbye."""
    talk = _scripted(building)
    talk.say(b"DATA\r\nline\r\n")
    assert talk.depart() == b""
    assert talk.say(b".\r\nNOOP\r\n").startswith(b"DATA 6\r\n421 ")
    assert talk.closed


def test_inside_data_at_once(building: Building) -> None:
    """A client that is silent inside its data is not waited for."""
    talk = _scripted(building)
    talk.say(b"DATA\r\nline\r\n")
    assert talk.depart(Farewell.IDLE, at_once=True).startswith(b"421 4.4.2 ")
    assert talk.closed


def test_imap_idle(building: Building) -> None:
    """IDLE gets its BYE (RFC 2177)."""
    talk = building.secured("imap")
    talk.say(b"a LOGIN alice s3cret\r\nb SELECT INBOX\r\nc IDLE\r\n")
    assert talk.depart().startswith(b"* BYE ")
    assert talk.closed


def test_while_negotiating(building: Building) -> None:
    """Between STARTTLS and TLS nothing can be said."""
    talk = _scripted(building)
    talk.say(b"STARTTLS\r\n")
    assert talk.depart() == b""
    assert not talk.closed


def test_twice(building: Building) -> None:
    """Nobody says goodbye twice."""
    talk = _scripted(building)
    talk.depart()
    assert talk.depart() == b""
    assert talk.depart(Farewell.IDLE, at_once=True) == b""


def test_after_the_end(building: Building) -> None:
    """Nobody says goodbye to a connection that is gone."""
    talk = _scripted(building)
    talk.membrane.disconnected()
    assert talk.depart() == b""
    assert not talk.closed


def test_half_a_line_was_said_all_the_same(building: Building, service: str) -> None:
    """Octets that never became a command are in the transcript, masked: they may be any secret."""
    talk = building.opened(service)
    talk.say(b"s3cret without an end")
    talk.membrane.disconnected()
    (left,) = [event for event in talk.seen if isinstance(event, CommandReceived)]
    assert (left.data, left.masked, left.verb) == (b"s3cret without an end", b"****", "")


def test_nothing_left_over_is_nothing_said(building: Building, service: str) -> None:
    """A client that leaves after a whole command has said no more than that."""
    talk = building.opened(service)
    talk.say(b"NOOP\r\n")
    talk.membrane.disconnected()
    assert [event.data for event in talk.seen if isinstance(event, CommandReceived)] == [b"NOOP\r\n"]
