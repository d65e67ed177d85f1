"""Random compositions of kinds and conditions against random clients: nothing breaks, and what is told is so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.kinds.oracle import Withhold
from labserver.misbehaviours.kinds.timing import Delay, Held, Records, Stall
from labserver.misbehaviours.moment import Memories
from labserver.misbehaviours.notation import misbehaviour
from labserver.misbehaviours.table import KINDS
from labserver.services import SERVICES, ProtocolName
from labserver.tables import TableError
from labserver.tls.stalled import StalledEngine
from tests.servers.line import Line, Loop, line
from tests.session.playbook import Building

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Misbehaviour

_SMTP = b"""EHLO me|MAIL FROM:<a@b.test>|RCPT TO:<alice@lab.test>|DATA|.|Subject: x|BDAT 2 LAST|NOOP|RSET|AUTH PLAIN
AGFsaWNlAHMzY3JldA==|AUTH SCRAM-SHA-256 biwsbj1hbGljZSxyPWNsaWVudG5vbmNl|STARTTLS|QUIT||*"""
_IMAP = b"""a CAPABILITY|b LOGIN alice s3cret|c LOGIN {5}|alice {6+}|s3cret|d SELECT INBOX|e FETCH 1:* FLAGS
f IDLE|DONE|l FETCH 1 BODY[]|m AUTHENTICATE SCRAM-SHA-256 biwsbj1hbGljZSxyPWNsaWVudG5vbmNl
g APPEND INBOX {3+}|Hi!|h NOOP|i STARTTLS|j AUTHENTICATE PLAIN|AGFsaWNlAHMzY3JldA==|k LOGOUT|*|"""
_POP3 = b"""CAPA|USER alice|PASS s3cret|STAT|UIDL|RETR 1|DELE 1|NOOP|AUTH PLAIN|AGFsaWNlAHMzY3JldA==|STLS|QUIT||*"""


def _lines(text: bytes) -> list[bytes]:
    return [line + b"\r\n" for line in text.replace(b"\n", b"|").split(b"|")]


_SCRIPTS = {
    ProtocolName.SMTP: _lines(_SMTP),
    ProtocolName.LMTP: _lines(_SMTP.replace(b"EHLO", b"LHLO")),
    ProtocolName.IMAP: _lines(_IMAP),
    ProtocolName.POP3: _lines(_POP3),
}
_OPENINGS = {
    ProtocolName.SMTP: _lines(b"EHLO me|STARTTLS|EHLO me|AUTH PLAIN AGFsaWNlAHMzY3JldA=="),
    ProtocolName.LMTP: _lines(b"LHLO me|STARTTLS|LHLO me"),
    ProtocolName.IMAP: _lines(b"x STARTTLS|y LOGIN alice s3cret|z SELECT INBOX"),
    ProtocolName.POP3: _lines(b"STLS|USER alice|PASS s3cret"),
}
"""What leads to where mail is."""
_VERBS = ["EHLO", "MAIL", "RCPT", "DATA", "BDAT", "NOOP", "AUTH", "LOGIN", "SELECT", "FETCH", "IDLE", "APPEND", "CAPA"]

_CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "on": st.sampled_from(["greeting", "command", "literal", "unsolicited", "secured", "quiet"]),
        "command": st.sampled_from(_VERBS),
        "nth": st.sampled_from(["1", "2", "1-2", "3-", "every 2"]),
        "chance": st.sampled_from([0.3, 1.0]),
        "phase": st.sampled_from(["clear", "tls", "authenticated", "selected"]),
        "scope": st.sampled_from(["session", "account", "lease", "lab"]),
        "idle": st.sampled_from([0.5, 5.0]),
        "sender": st.just("*@b.test"),
        "mailbox": st.just("INBOX"),
    },
)


_NUMBERS: dict[str, list[float]] = {
    "seconds": [0.1, 3.0],
    "size": [1, 4, 10_000],
    "times": [2, 50],
    "most": [1, 3],
    "add": [-1, 1, 0],
}
_TEXTS = {"code": ["250", "OK", "+OK", "550"], "text": ["Something else"], "send": ["250 OK", "<tag> OK"]}


def _choices(kind: str) -> dict[str, list[Any]]:
    """Return values for fields of a kind, besides those of its example."""
    found: dict[str, list[Any]] = {}
    info = inspect.type_info(KINDS[kind])
    assert isinstance(info, inspect.StructType)
    for one_field in info.fields:
        name = one_field.encode_name
        types = one_field.type.types if isinstance(one_field.type, inspect.UnionType) else (one_field.type,)
        for one in types:
            match one:
                case inspect.LiteralType():
                    found[name] = list(one.values)
                case inspect.EnumType():
                    found[name] = [member.value for member in one.cls]
                case inspect.BoolType():
                    found[name] = [False, True]
                case inspect.IntType() | inspect.FloatType() if name in _NUMBERS:
                    found[name] = list(_NUMBERS[name])
                case inspect.StrType() | inspect.CustomType() if name in _TEXTS:
                    found[name] = _TEXTS[name]
    return found


_CHOICES = {name: _choices(name) for name in KINDS}


def _made(name: str, fields: dict[str, Any], when: dict[str, Any]) -> Misbehaviour | None:
    example = {key: value for key, value in KINDS[name].example.items() if key != "when"}
    try:
        return misbehaviour({"kind": name, **example, **fields, "when": when})
    except TableError:
        return None  # conditions that this kind cannot have, or fields that do not go together


def _fields(name: str) -> st.SearchStrategy[dict[str, Any]]:
    some = {field: st.sampled_from(values) for field, values in _CHOICES[name].items()}
    return st.one_of(st.just({}), st.fixed_dictionaries({}, optional=some))


@st.composite
def _scripts(draw: st.DrawFn, service: str) -> list[bytes]:
    protocol = SERVICES[service].protocol
    opening = draw(st.sampled_from([[], _OPENINGS[protocol]]))
    return [*opening, *draw(st.lists(st.sampled_from(_SCRIPTS[protocol]), max_size=8))]


@st.composite
def _chains(draw: st.DrawFn, *, most: int = 4, never: bool = False, apart: bool = False) -> Chain:
    """Return a chain; of conditions that ``never`` hold, or that set sessions ``apart`` from each other."""
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=most))
    links = []
    for name in names:
        when = {"command": "XNEVER"} if never else draw(_CONDITIONS)
        if apart:
            when = {key: value for key, value in when.items() if key not in {"scope", "chance"}}
        links.append(_made(name, draw(_fields(name)), when))
    return Chain(link for link in links if link is not None and not (never and link.below() is not None))


class Transparent(StalledEngine):
    """TLS that is up with the first octets, and leaves them as they are."""

    def __init__(self) -> None:
        self._come, self._out = b"", b""

    def receive(self, data: bytes) -> None:
        """Take octets."""
        self._come += data

    def decrypted(self) -> bytes:
        """Return them."""
        self.established = self.established or bool(self._come)
        come, self._come = self._come, b""
        return come

    def send(self, data: bytes) -> None:
        """Take octets for the other side."""
        self._out += data

    def outgoing(self) -> bytes:
        """Return them."""
        out, self._out = self._out, b""
        return out if self.established else b""


@dataclass(frozen=True, kw_only=True)
class _Session:
    """A client and the server that it meets."""

    service: str
    script: list[bytes]
    chain: Chain = field(default_factory=Chain)
    memories: Memories | None = None
    room: int = 1 << 30
    """Octets that the client takes."""


@dataclass
class _Heard:
    """What a client got, and what the transcript has of it."""

    writes: list[tuple[float, bytes]] = field(default_factory=list)
    """Segments, and when each came."""
    end: str = "open"
    transcript: list[events.Event] = field(default_factory=list)
    """Without what is told of misbehaviours."""
    told: list[events.Misbehaved] = field(default_factory=list)
    held: int = 0
    """The most octets that the connection had for the client, or of it."""

    def differs(self, other: _Heard) -> bool:
        """Return whether a client, or whoever reads the transcript, can tell them apart."""
        return (self.writes, self.end, self.transcript) != (other.writes, other.end, other.transcript)

    def happened(self, start: float, seconds: float) -> bool:
        """Return whether anything happened between two moments, so that time could have been lost."""
        return any(start <= event.at <= start + seconds + _STEP for event in self.transcript)


_STEP = 0.25
"""Seconds from a client's line until anything else happens."""


def _played(*sessions: _Session, steps: int = 0) -> list[_Heard]:
    """Play scripts in turn, line by line with time between them, for ``steps`` lines at least; then half a day more."""
    building = Building()
    building.deliver(b"Subject: one\r\n\r\nHello.\r\n")
    for account in ("", "bob"):
        building.store.account(account)  # mailboxes are numbered by when they are made, whoever comes first
    loop = Loop(building)
    with mock.patch.object(asyncio, "get_running_loop", return_value=loop):
        lines = [
            line(building, one.service, chain=one.chain, memories=one.memories, make_engine=Transparent)
            for one in sessions
        ]
        found = [_Heard() for _ in sessions]
        for met, one in zip(lines, sessions, strict=True):
            met.transport.room = one.room
            met.begin()
        _note(lines, found)
        steps = max(steps, *(len(one.script) for one in sessions))
        for number in range(steps + 1):
            said = [one.script[number] if number < len(one.script) else b"" for one in sessions]
            for met, octets in zip(lines, said, strict=True):
                if octets and met.end() == "open":
                    met.connection.dataReceived(octets)
            for seconds in (_STEP, 1.0) if number < steps else (10.0,) * 40 + (43_200.0,):
                _turned(loop)
                loop.pass_time(seconds)
                _turned(loop)
                _note(lines, found)
        for met, heard in zip(lines, found, strict=True):
            heard.end = met.end()
            if heard.end != "dropped" or met.record.events:
                met.lose()
            assert met.all(events.InternalFault) == []
        assert loop.armed == 0
    for met, heard in zip(lines, found, strict=True):
        heard.told = [event for event in met.record.events if isinstance(event, events.Misbehaved)]
        heard.transcript = [event for event in met.record.events if not isinstance(event, events.Misbehaved)]
    return found


def _note(lines: list[Line], found: list[_Heard]) -> None:
    """Take note of what was written since the last time, and of what the connections have."""
    for met, heard in zip(lines, found, strict=True):
        heard.writes += [(met.record.elapsed(), octets) for octets in met.transport.writes]
        met.transport.writes.clear()
        heard.held = max(heard.held, met.connection.queued + met.connection.held)


def _turned(loop: Loop) -> None:
    for _ in range(2_000):
        if not loop.turn():
            return


_SERVICES = st.sampled_from([name for name, service in SERVICES.items() if not service.implicit_tls])
_MOST = 256 << 10
"""Octets that a connection has at most: 128 KiB for the client, 64 KiB of it, and a line or two."""


@settings(max_examples=100, deadline=None)
@given(service=_SERVICES, chain=_chains(), room=st.sampled_from([0, 100, 1 << 30]), data=st.data())
def test_no_composition_breaks_a_session(service: str, chain: Chain, room: int, data: st.DataObject) -> None:
    """No exception, an end to every session, and never more than so many octets, whether or not the client takes any.

    If nothing is told, the client met honesty.
    """
    script = data.draw(_scripts(service))
    (heard,) = _played(_Session(service=service, script=script, chain=chain, room=room))
    assert heard.end != "open", "half a day of silence is more than any session lasts"
    assert heard.held <= _MOST
    if not heard.told:
        assert not heard.differs(*_played(_Session(service=service, script=script, room=room)))


@settings(max_examples=150, deadline=None)
@given(service=_SERVICES, chain=_chains(most=1), data=st.data())
def test_told_exactly_when_something_differs(service: str, chain: Chain, data: st.DataObject) -> None:
    """What is told of a misbehaviour is so: octets, their times, their segments, the end or the transcript differ.

    The other way round, nothing differs that is not told. What only loses time is told when it begins, and differs if
    anything happens in that time; pieces larger than all that is said are told with the first of them.
    """
    script = data.draw(_scripts(service))
    (heard,) = _played(_Session(service=service, script=script, chain=chain))
    (honest,) = _played(_Session(service=service, script=script))
    if not heard.told:
        assert not heard.differs(honest)
        return
    (link,) = chain.links
    if isinstance(link, Records):
        assert heard.differs(honest) or all(len(octets) <= link.size for _, octets in honest.writes)
    elif isinstance(link, Delay | Stall | Held | Withhold):
        assert heard.differs(honest) or not any(honest.happened(one.at, link.seconds) for one in heard.told)
    else:
        assert heard.differs(honest)


@settings(max_examples=40, deadline=None)
@given(service=_SERVICES, chain=_chains(never=True), data=st.data())
def test_a_chain_that_never_acts_is_honest(service: str, chain: Chain, data: st.DataObject) -> None:
    """Conditions that never hold leave the honest octets, at the same times, and nothing is told."""
    script = data.draw(_scripts(service))
    (heard,) = _played(_Session(service=service, script=script, chain=chain))
    (honest,) = _played(_Session(service=service, script=script))
    assert heard.told == []
    assert not heard.differs(honest)


_OTHERS = {
    "imap": _lines(b"x STARTTLS|y LOGIN bob b0b|z SELECT INBOX|a NOOP|b IDLE|DONE|c STATUS INBOX (MESSAGES)|d LOGOUT"),
    "pop3": _lines(b"STLS|USER bob|PASS b0b|STAT|NOOP|UIDL|RSET|QUIT"),
    "submission": _lines(b"EHLO me|STARTTLS|EHLO me|NOOP|RSET|VRFY bob|MAIL FROM:<a@b.test>|QUIT"),
}
"""What somebody else says, who has another account."""


@settings(max_examples=40, deadline=None)
@given(service=_SERVICES, chain=_chains(), other=st.sampled_from(sorted(_OTHERS)), data=st.data())
def test_another_session_never_changes(service: str, chain: Chain, other: str, data: st.DataObject) -> None:
    """What a session of a scenario meets, a session of the honest server beside it does not notice in any way."""
    beside = _Session(service=other, script=_OTHERS[other])
    session = _Session(service=service, script=data.draw(_scripts(service)), chain=chain)
    assert not _played(session, beside)[1].differs(*_played(beside, steps=len(session.script)))


@settings(max_examples=40, deadline=None)
@given(service=st.sampled_from(sorted(_OTHERS)), chain=_chains(apart=True), data=st.data())
def test_sessions_of_a_scenario_do_not_change_one_another(service: str, chain: Chain, data: st.DataObject) -> None:
    """Where conditions count by session, what another session of the same place says changes nothing."""
    beside = _Session(service=service, script=_OTHERS[service], chain=chain, memories=Memories())
    memories = Memories()
    session = _Session(service=service, script=data.draw(_scripts(service)), chain=chain, memories=memories)
    (alone,) = _played(beside, steps=len(session.script))
    assert not _played(session, replace(beside, memories=memories))[1].differs(alone)
