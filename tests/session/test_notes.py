"""No event or mask is made of what the transcript would not keep; whoever listens is told everything all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.clock import FixedClock
from labserver.dialogues.masking import Lexicon
from labserver.session.transcript import SessionRecord, Transcript
from tests.session.playbook import Building

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command
    from labserver.dialogues.masking import Standing

_SCRIPTS: dict[str, tuple[bytes, bytes]] = {
    "imap": (
        b"a1 LOGIN alice s3cret\r\na2 SELECT INBOX\r\n",
        b"a3 NOOP\r\na4 IDLE\r\nDONE\r\na5 APPEND INBOX {5+}\r\nhello\r\na6 FETCH 1:* BODY.PEEK[]\r\ns3cret NOOP\r\n",
    ),
    "pop3": (b"USER alice\r\nPASS s3cret\r\n", b"NOOP\r\nLIST\r\nRETR 1\r\ns3cret\r\n"),
    "smtp": (
        b"EHLO client.example\r\n",
        b"MAIL FROM:<a@b.example>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\nhello\r\n.\r\nAUTH PLAIN\r\n*\r\ns3cret\r\n",
    ),
}
"""What is said first, and what comes when there is no room left."""


@pytest.fixture(params=list(_SCRIPTS))
def service(request: pytest.FixtureRequest) -> str:
    """Run the test for each protocol."""
    name: str = request.param
    return name


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Return the commands in which something to mask is looked for."""
    commands: list[Command] = []
    shown = Lexicon.shown

    def watched(lexicon: Lexicon, command: Command, standing: Standing) -> bytes:
        commands.append(command)
        return shown(lexicon, command, standing)

    monkeypatch.setattr(Lexicon, "shown", watched)
    return commands


def _full() -> tuple[Transcript, SessionRecord]:
    """Return a record that has room for nothing."""
    transcript = Transcript(clock=FixedClock(), octets=0, raw_octets=0, sessions=1)
    return transcript, transcript.begin()


_DIALOGUE = (
    events.CommandReceived,
    events.LineReceived,
    events.DataReceived,
    events.ReplySent,
    events.MailDelivered,
)


def test_without_room_nothing_is_masked(building: Building, service: str, masked: list[Command]) -> None:
    """No event of the dialogue is made; what marks the session's life is kept."""
    building.cleartext = True
    _, record = _full()
    talk = building.talk(service, record=record)
    talk.open()
    talk.say(b"".join(_SCRIPTS[service]))
    assert masked == []
    assert not talk.all(*_DIALOGUE)
    assert service == "smtp" or talk.all(events.AuthenticationSucceeded)


def _elided(service: str) -> int:
    building = Building(cleartext=True)
    _, record = _full()
    talk = building.talk(service, record=record)
    talk.open()
    talk.say(b"".join(_SCRIPTS[service]))
    talk.membrane.disconnected()
    return record.elided


def test_what_is_passed_over_is_counted(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader learns of as many octets as if every event had been made, and none of them kept."""
    passed_over = _elided(service)
    monkeypatch.setattr(SessionRecord, "passes_over_dialogue", lambda _record, _octets: False)
    assert passed_over == _elided(service) > 0


def _heard(service: str, *, octets: int) -> list[events.Event]:
    """Return what somebody hears who begins to listen in the middle."""
    transcript = Transcript(clock=FixedClock(), octets=octets, raw_octets=0, sessions=1)
    talk = Building(cleartext=True).talk(service, record=transcript.begin())
    first, then = _SCRIPTS[service]
    talk.open()
    talk.say(first)
    told: list[events.Event] = []
    transcript.subscribers.add(lambda _record, event: told.append(event))
    talk.say(then)
    return told


def test_whoever_listens_is_told_everything(service: str) -> None:
    """That a session's record has no room left changes nothing for those who listen; they see no password."""
    told = _heard(service, octets=0)
    assert told == _heard(service, octets=1 << 20)
    dialogue = [event for event in told if isinstance(event, _DIALOGUE)]
    assert len(dialogue) > len(_SCRIPTS[service][1].splitlines())
    assert not any(b"s3cret" in (getattr(event, "masked", None) or b"") for event in dialogue)


def test_a_tag_stays_veiled_for_whoever_listens_later(building: Building) -> None:
    """What looked like a password when nobody listened is not told in the reply to somebody who does."""
    building.cleartext = True
    narrow, record = _full()
    talk = building.talk("imap", record=record)
    talk.open()
    talk.say(b"a LOGIN alice s3cret\r\nsecret-tag IDLE\r\n")
    told: list[events.Event] = []
    narrow.subscribers.add(lambda _record, event: told.append(event))
    assert talk.say(b"DONE\r\n").startswith(b"secret-tag OK")
    reply = told[-1]
    assert isinstance(reply, events.ReplySent)
    assert reply.masked is not None
    assert reply.masked.startswith(b"**** OK")
