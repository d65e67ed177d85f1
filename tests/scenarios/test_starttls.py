"""STARTTLS scenarios on the wire, reply for reply."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from labserver.misbehaviours.kinds.oracle import Withhold
from labserver.services import SERVICES, ProtocolName
from tests.ours import CATALOGUE
from tests.scenarios.places import Way, place, places, s_client
from tests.scenarios.wire import ASKING, STARTING, Wire

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

SERVICES_IN_CLEAR = ("smtp", "submission", "imap", "pop3")
LOGIN = {
    ProtocolName.SMTP: ((b"AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", rb"235 2\.7\.0 "),),
    ProtocolName.IMAP: ((b"a3 LOGIN alice secret\r\n", rb"a3 OK "),),
    ProtocolName.POP3: ((b"USER alice\r\n", rb"\+OK"), (b"PASS secret\r\n", rb"\+OK")),
}
"""How a gullible client goes on in clear, and how it is let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What STARTTLS gets, a pattern for each protocol."""

    smtp: bytes
    imap: bytes
    pop3: bytes

    def matches(self, protocol: ProtocolName, answer: bytes) -> bool:
        """Tell whether the answer is this refusal."""
        return re.fullmatch(getattr(self, protocol), answer) is not None


UNKNOWN = Refusal(smtp=rb"500 [^\r]*\r\n", imap=rb"a2 BAD [^\r]*\r\n", pop3=rb"-ERR [^\r]*\r\n")
REFUSED = Refusal(smtp=rb"454 4\.7\.0 [^\r]*\r\n", imap=rb"a2 NO [^\r]*\r\n", pop3=rb"-ERR [^\r]*\r\n")
LIES = {
    "starttls-stripped": (None, UNKNOWN),
    "starttls-refused": (True, REFUSED),
    "starttls-keyword-rewritten": (b"XXXXXXXA", UNKNOWN),
}
"""What stands in the list of capabilities (True: the truth), and what the command gets."""


def _words(listed: bytes) -> set[bytes]:
    return set(re.findall(rb"[\w/=+-]+", re.sub(rb"(?m)^250[- ]", b"", listed)))


@pytest.mark.parametrize(("scenario", "service", "way"), places(LIES, SERVICES_IN_CLEAR))
def test_no_tls(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """The upgrade is listed as the scenario says and refused as it says; then credentials are taken in clear."""
    listed, refusal = LIES[scenario]
    with Wire(place(stage, scenario, service, way)) as wire:
        protocol = wire.where.service.protocol
        upgrade = STARTING[protocol].split()[-1]
        words = _words(wire.capabilities())
        assert (upgrade in words) is (listed is True)
        assert (b"XXXXXXXA" in words) is (listed == b"XXXXXXXA")
        assert b"LOGINDISABLED" not in words
        answer = wire.ask(STARTING[protocol])
        assert refusal.matches(protocol, answer), answer
        for command, answer in LOGIN[protocol]:
            assert re.match(answer, wire.ask(command))


@pytest.mark.parametrize("scenario", LIES)
def test_greeting_agrees(stage: LabProcess, scenario: str) -> None:
    """IMAP's greeting lists what CAPABILITY lists."""
    with Wire(place(stage, scenario, "imap", Way.LEASE)) as wire:
        greeted = re.search(rb"\[CAPABILITY ([^\]]*)\]", wire.greeting)
        listed = re.match(rb"\* CAPABILITY ([^\r]*)\r\n", wire.capabilities())
        assert greeted is not None
        assert listed is not None
        assert greeted[1] == listed[1]


@pytest.mark.client
@pytest.mark.parametrize(("scenario", "service", "way"), places(LIES, SERVICES_IN_CLEAR))
def test_from_outside(stage: LabProcess, scenario: str, service: str, way: Way) -> None:
    """s_client, told to start TLS, does not get it."""
    assert "no peer certificate available" in s_client(place(stage, scenario, service, way))


@pytest.mark.parametrize("way", [Way.ADDRESS, Way.LEASE])
def test_preauth(stage: LabProcess, way: Way) -> None:
    """The greeting is PREAUTH with the capabilities of a session that is logged in; mail is there, TLS is not."""
    with Wire(place(stage, "imap-greeting-preauth", "imap", way)) as wire:
        assert wire.greeting.startswith(b"* PREAUTH [CAPABILITY IMAP4rev1 ")
        assert not {b"STARTTLS", b"LOGINDISABLED"} & _words(wire.greeting)
        assert wire.ask(b"a2 STARTTLS\r\n").startswith(b"a2 BAD ")
        assert b"\r\na3 OK [READ-WRITE]" in wire.ask(b"a3 SELECT INBOX\r\n")


def test_auth_advertised(stage: LabProcess) -> None:
    """Authentication is offered in clear beside STARTTLS, by mechanisms that show the password, and TLS is honest."""
    expected = {
        "smtp": {b"AUTH", b"PLAIN", b"LOGIN"},
        "imap": {b"AUTH=PLAIN", b"AUTH=LOGIN"},
        "pop3": {b"SASL", b"USER"},
    }
    for service, words in expected.items():
        with Wire(place(stage, "auth-advertised-before-tls", service, Way.ADDRESS)) as wire:
            protocol = wire.where.service.protocol
            listed = _words(wire.capabilities())
            assert words | {STARTING[protocol].split()[-1]} <= listed
            assert not any(word.startswith((b"SCRAM", b"AUTH=SCRAM")) for word in listed)
            assert wire.ask(STARTING[protocol]).startswith((b"220 ", b"a2 OK ", b"+OK"))
            wire.shake()
            assert STARTING[protocol].split()[-1] not in _words(wire.capabilities())


INJECTED = {
    ProtocolName.SMTP: b"220 2.0.0 Ready to start TLS\r\n250-injected\r\n250 AUTH PLAIN LOGIN\r\n",
    ProtocolName.IMAP: b"a2 OK Begin TLS negotiation now\r\n"
    b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN\r\na3 OK injected\r\n",
    ProtocolName.POP3: b"+OK Begin TLS negotiation\r\n+OK injected\r\nUSER\r\nSASL PLAIN LOGIN\r\n.\r\n",
}
"""The whole segment; IMAP's has the tag that comes next."""


@pytest.mark.parametrize("way", [Way.ADDRESS, Way.LEASE])
@pytest.mark.parametrize("service", SERVICES_IN_CLEAR)
def test_injected(stage: LabProcess, service: str, way: Way) -> None:
    """What is injected stands in clear in the segment of the reply that starts TLS; then verified TLS works."""
    with Wire(place(stage, "response-injection", service, way)) as wire:
        protocol = wire.where.service.protocol
        wire.capabilities()
        wire.send(STARTING[protocol])
        assert wire.segment() == INJECTED[protocol]
        sent = stage.events("RawSent")[-1]
        assert (sent["size"], sent["encrypted"]) == (len(INJECTED[protocol]), False), "one write, one segment"
        wire.shake()


def test_oracle(stage: LabProcess) -> None:
    """Inside TLS nothing is answered for most of the oracle's time; then the real answer comes, as if nothing was."""
    (oracle,) = CATALOGUE["response-injection"].control_chain.links
    assert isinstance(oracle, Withhold)
    with ExitStack() as stack:
        wires = []
        for service in SERVICES_IN_CLEAR:
            wire = stack.enter_context(Wire(place(stage, "response-injection", service, Way.LEASE)))
            wire.capabilities()
            wire.send(STARTING[wire.where.service.protocol])
            wire.segment()
            wire.shake().send(ASKING[wire.where.service.protocol])
            wires.append(wire)
        assert wires[-1].mute(oracle.seconds * 0.6)
        assert all(wire.mute(0) for wire in wires)
        for wire in wires:
            answer = wire.answer(ASKING[wire.where.service.protocol])
            assert answer.startswith((b"250-localhost", b"* CAPABILITY IMAP4rev1 ", b"+OK "))
            assert b"injected" not in answer


def test_every_case_is_in_clear() -> None:
    """These scenarios are there on every service that begins in clear, PREAUTH where there is such a thing."""
    for name in (*LIES, "response-injection", "auth-advertised-before-tls"):
        assert CATALOGUE[name].services == SERVICES_IN_CLEAR
        assert not any(SERVICES[service].implicit_tls for service in CATALOGUE[name].services)
