"""Random compositions of kinds and conditions against random clients: nothing breaks, and what is told is so."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.notation import misbehaviour
from labserver.misbehaviours.table import KINDS
from labserver.services import SERVICES, ProtocolName
from labserver.tables import TableError
from labserver.tls.stalled import StalledEngine
from tests.servers.line import Loop, line
from tests.session.playbook import Building

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Misbehaviour

_SMTP = b"""EHLO me|MAIL FROM:<a@b.test>|RCPT TO:<bob@lab.test>|DATA|.|Subject: x|BDAT 2 LAST|NOOP|RSET|AUTH PLAIN
AGFsaWNlAHMzY3JldA==|STARTTLS|QUIT||*"""
_IMAP = b"""a CAPABILITY|b LOGIN alice s3cret|c LOGIN {5}|alice {6+}|s3cret|d SELECT INBOX|e FETCH 1:* FLAGS
f IDLE|DONE|g APPEND INBOX {3+}|Hi!|h NOOP|i STARTTLS|j AUTHENTICATE PLAIN|AGFsaWNlAHMzY3JldA==|k LOGOUT|*|"""
_POP3 = b"""CAPA|USER alice|PASS s3cret|STAT|UIDL|RETR 1|DELE 1|NOOP|AUTH PLAIN|AGFsaWNlAHMzY3JldA==|STLS|QUIT||*"""


def _lines(text: bytes) -> list[bytes]:
    return [line + b"\r\n" for line in text.replace(b"\n", b"|").split(b"|")]


_SCRIPTS = {
    ProtocolName.SMTP: _lines(_SMTP),
    ProtocolName.LMTP: _lines(_SMTP.replace(b"EHLO", b"LHLO")),
    ProtocolName.IMAP: _lines(_IMAP),
    ProtocolName.POP3: _lines(_POP3),
}
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


def _made(name: str, when: dict[str, Any]) -> Misbehaviour | None:
    fields = {key: value for key, value in KINDS[name].example.items() if key != "when"}
    try:
        return misbehaviour({"kind": name, **fields, "when": when})
    except TableError:
        return None  # conditions that this kind cannot have


@st.composite
def _chains(draw: st.DrawFn, never: bool = False) -> Chain:  # noqa: FBT001, FBT002 -- a strategy's parameter
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4))
    links = [_made(name, {"command": "XNEVER"} if never else draw(_CONDITIONS)) for name in names]
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


@dataclass
class _Heard:
    octets: bytes
    times: list[float]
    end: str
    told: int
    held: int


def _played(service: str, script: list[bytes], chain: Chain) -> _Heard:
    """Play a script, with time between its lines, and half a day after it."""
    building = Building()
    building.deliver(b"Subject: one\r\n\r\nHello.\r\n")
    loop = Loop(building)
    with mock.patch.object(asyncio, "get_running_loop", return_value=loop):
        met = line(building, service, chain=chain, make_engine=Transparent)
        said, times = met.connect(), [0.0]
        for octets in [*script, b""]:
            if octets and met.end() == "open":
                met.connection.dataReceived(octets)
            for seconds in (0.25, 1.0) if octets else (10.0,) * 40 + (43_200.0,):
                _turned(loop)
                loop.pass_time(seconds)
                _turned(loop)
                heard = met.heard()
                said += heard
                if heard:
                    times.append(building.clock.elapsed)
        end = met.end()
        held = met.connection.queued + met.connection.held
        if end != "dropped" or met.record.events:
            met.lose()
        assert met.all(events.InternalFault) == []
        assert loop.armed == 0
    told = len(met.all(events.Misbehaved))
    return _Heard(said, times, end, told, held)


def _turned(loop: Loop) -> None:
    for _ in range(2_000):
        if not loop.turn():
            return


_SERVICES = st.sampled_from([name for name, service in SERVICES.items() if not service.implicit_tls])


@settings(max_examples=150, deadline=None)
@given(service=_SERVICES, chain=_chains(), data=st.data())
def test_no_composition_breaks_a_session(service: str, chain: Chain, data: st.DataObject) -> None:
    """No exception, nothing without bounds, an end to every session; if nothing is told, the client met honesty."""
    script = data.draw(st.lists(st.sampled_from(_SCRIPTS[SERVICES[service].protocol]), max_size=8))
    heard = _played(service, script, chain)
    assert heard.end != "open", "half a day of silence is more than any session lasts"
    assert heard.held <= 1 << 20
    if not heard.told:
        honest = _played(service, script, Chain())
        assert (heard.octets, heard.times, heard.end) == (honest.octets, honest.times, honest.end)


@settings(max_examples=60, deadline=None)
@given(service=_SERVICES, chain=_chains(never=True), data=st.data())
def test_a_chain_that_never_acts_is_honest(service: str, chain: Chain, data: st.DataObject) -> None:
    """Conditions that never hold leave the honest octets, at the same times, and nothing is told."""
    script = data.draw(st.lists(st.sampled_from(_SCRIPTS[SERVICES[service].protocol]), max_size=8))
    heard, honest = _played(service, script, chain), _played(service, script, Chain())
    assert heard.told == 0
    assert (heard.octets, heard.times, heard.end) == (honest.octets, honest.times, honest.end)
