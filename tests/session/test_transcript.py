"""The transcript is bounded: octets per session, sessions in all; what marks a session's life is always kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.clock import FixedClock
from labserver.session.transcript import SessionRecord, Transcript

if TYPE_CHECKING:
    from collections.abc import Callable


def _transcript(*, octets: int = 100, raw_octets: int = 50, sessions: int = 3) -> Transcript:
    return Transcript(clock=FixedClock(), octets=octets, raw_octets=raw_octets, sessions=sessions)


def _command(data: bytes, *, masked: bytes | None = None) -> events.CommandReceived:
    shown = data if masked is None else masked
    return events.CommandReceived(at=0.0, verb="X", data=data, masked=shown, secure=True, size=len(data))


def _reply(data: bytes) -> events.ReplySent:
    return events.ReplySent(at=0.0, kind="completion", data=data, secure=True, size=len(data))


def _mail(data: bytes) -> events.DataReceived:
    return events.DataReceived(at=0.0, data=data, secure=True, size=len(data))


def _line(data: bytes) -> events.LineReceived:
    return events.LineReceived(at=0.0, data=data, masked=data, secure=True)


def _raw(data: bytes) -> events.RawReceived:
    return events.RawReceived(at=0.0, data=data, size=len(data), encrypted=True)


def _kept(record: SessionRecord) -> list[bytes]:
    return [getattr(event, "data", b"-") for event in record.events]


@pytest.mark.parametrize("make", [_command, _line, _reply, _mail])
def test_what_fits_is_kept(make: Callable[[bytes], events.Event]) -> None:
    """Up to the limit everything is kept as it was."""
    record = _transcript(octets=10).begin()
    event = make(b"0123456789")
    record.observe(event)
    assert record.events == [event]
    assert record.elided == 0


@pytest.mark.parametrize("make", [_command, _reply, _mail])
def test_what_does_not_fit_is_counted(make: Callable[[bytes], events.Event]) -> None:
    """The event that crosses the limit is shortened, those behind it are counted; their size stays known."""
    record = _transcript(octets=10).begin()
    for _ in range(3):
        record.observe(make(b"0123456"))
    assert _kept(record) == [b"0123456", b"012"]
    assert [getattr(event, "size", 0) for event in record.events] == [7, 7]
    assert record.elided == 11


def test_the_rest_of_a_long_reply_is_counted() -> None:
    """What an event itself does not have of a long reply counts as not kept, too."""
    record = _transcript(octets=10).begin()
    record.observe(events.ReplySent(at=0.0, kind="untagged", data=b"01234567", secure=True, size=1_000_000))
    record.observe(events.ReplySent(at=0.0, kind="untagged", data=b"01234567", secure=True, size=1_000_000))
    assert _kept(record) == [b"01234567", b"01"]
    assert record.elided == 2_000_000 - 10


def test_a_session_of_nothing_but_idle_is_bounded() -> None:
    """Lines inside commands count like commands: IDLE and DONE for days do not fill the memory."""
    record = _transcript(octets=10).begin()
    for _ in range(1000):
        record.observe(_line(b"DONE\r\n"))
    assert _kept(record) == [b"DONE\r\n", b"DONE"]
    assert record.elided == 6 * 998 + 2


@pytest.mark.parametrize("make", [_command, _line, _reply, _mail, _raw])
def test_nothing_is_bounded_like_something(make: Callable[[bytes], events.Event]) -> None:
    """Empty chunks and lines, however many, are no longer kept once there is no room for others."""
    record = _transcript(octets=10, raw_octets=10).begin()
    record.observe(make(b"0123456789"))
    for _ in range(1000):
        record.observe(make(b""))
    assert len(record.events) == 1
    assert record.elided == 0


def test_a_lie_is_told_again_and_again() -> None:
    """A client that asks for the same lie a thousand times has met it, and the record has a bound."""
    record = _transcript(octets=10).begin()
    for _ in range(1000):
        record.observe(events.Misbehaved(at=0.0, scenario="starttls-refused", facet="upgrade"))
    assert len(record.events) == 100


def test_a_shortened_command_is_still_masked() -> None:
    """Shortening takes from what is shown, too: a mask is never undone by it."""
    record = _transcript(octets=16).begin()
    record.observe(_command(b"AUTH PLAIN s3cret and much more", masked=b"AUTH PLAIN ****"))
    (event,) = record.events
    assert isinstance(event, events.CommandReceived)
    assert event.masked == b"AUTH PLAIN ****"


def test_network_and_dialogue_have_limits_of_their_own() -> None:
    """A large handshake does not crowd out the dialogue, nor the other way round."""
    record = _transcript(octets=10, raw_octets=4).begin()
    record.observe(_raw(b"012345"))
    record.observe(_reply(b"0123456789"))
    record.observe(_raw(b"6"))
    assert _kept(record) == [b"0123", b"0123456789"]
    assert record.elided == 3


def test_octets_that_nobody_wants_are_counted_without_an_event() -> None:
    """Passing over them comes to the same as taking note of them; somebody who listens gets all of them."""
    transcript = _transcript(raw_octets=4)
    record = transcript.begin()
    assert not record.passes_over(3)
    record.observe(_raw(b"012345"))
    assert record.elided == 2
    assert record.passes_over(3)
    assert record.elided == 5
    transcript.subscribers.add(lambda _record, _event: None)
    assert not record.passes_over(3)


@pytest.mark.parametrize("make", [_command, _line, _reply, _mail])
def test_dialogue_that_nobody_wants_is_counted_without_an_event(make: Callable[[bytes], events.Event]) -> None:
    """The same holds for the dialogue, which has room of its own."""
    transcript = _transcript(octets=4, raw_octets=0)
    record = transcript.begin()
    assert not record.passes_over_dialogue(3)
    record.observe(make(b"012345"))
    assert record.elided == 2
    assert record.passes_over_dialogue(3)
    assert record.elided == 5
    transcript.subscribers.add(lambda _record, _event: None)
    assert not record.passes_over_dialogue(3)


def test_the_marks_of_a_life_are_always_kept() -> None:
    """TLS, authentication and the end are kept whatever came before."""
    record = _transcript(octets=1, raw_octets=1).begin()
    record.observe(_reply(b"xxxx"))
    marks: list[events.Event] = [
        events.TlsStarted(at=0.0),
        events.AuthenticationFailed(at=0.0, mechanism="PLAIN", reason="no", secure=True),
        events.InternalFault(at=0.0, description="oh", masked="oh"),
        events.Disconnected(at=0.0, by="client", clean=True),
    ]
    for mark in marks:
        record.observe(mark)
    assert record.events[1:] == marks


def test_an_envelope_is_kept_whole_or_not_at_all() -> None:
    """Envelopes count towards the dialogue, so that no client fills the memory with them; half of one would mislead."""
    record = _transcript(octets=10).begin()
    for size in (6, 6, 4):
        record.observe(events.MailDelivered(at=0.0, envelope={"sender": "a@b"}, size=size))
    assert [event.size for event in record.events if isinstance(event, events.MailDelivered)] == [6, 4]
    assert record.elided == 6


def test_the_oldest_session_goes_first() -> None:
    """Sessions are numbered from one, for ever; the newest are kept."""
    transcript = _transcript(sessions=2)
    for _ in range(3):
        transcript.begin()
    assert [record.number for record in transcript.records()] == [2, 3]


def test_elapsed() -> None:
    """A session's time begins with it."""
    clock = FixedClock(elapsed=100.0)
    record = Transcript(clock=clock, octets=1, raw_octets=1, sessions=1).begin()
    clock.elapsed = 102.5
    assert record.elapsed() == 2.5
    assert record.started == clock.moment


def test_subscribers_get_everything_at_once() -> None:
    """Who listens gets every event whole, also those that are not kept, until it leaves; it may leave while told."""
    transcript = _transcript(octets=1)
    heard: list[tuple[int, events.Event]] = []

    def once(record: SessionRecord, event: events.Event) -> None:
        heard.append((record.number, event))
        transcript.subscribers.discard(once)

    others: list[events.Event] = []
    transcript.subscribers |= {once, lambda _, event: others.append(event)}
    record = transcript.begin()
    first, second = _reply(b"much too long"), _reply(b"and more")
    record.observe(first)
    record.observe(second)
    assert heard == [(1, first)]
    assert others == [first, second]


def test_records_while_sessions_begin() -> None:
    """Reading is not disturbed by what happens meanwhile."""
    transcript = _transcript()
    transcript.begin()
    seen = []
    for record in transcript.records():
        seen.append(record.number)
        transcript.begin()
    assert seen == [1]
