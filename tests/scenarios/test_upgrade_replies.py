"""What STARTTLS gets, and what the lists before it have, as seen from outside: whole answers, octet for octet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.services import ProtocolName
from tests.ours import CATALOGUE
from tests.scenarios.places import Way, place
from tests.scenarios.wire import STARTING, Wire

if TYPE_CHECKING:
    from tests.integration.labs import LabProcess

SMTP, IMAP, POP3 = ProtocolName.SMTP, ProtocolName.IMAP, ProtocolName.POP3
REPLIES = {
    ("starttls-reply-354", SMTP): b"354 Start mail input\r\n",
    ("starttls-unknown-status", IMAP): b"a2 BUG unhandled command\r\n",
    ("starttls-continuation", IMAP): b"+ continue with something.\r\n",
    ("starttls-untagged-ok", IMAP): b"* OK begin TLS now\r\nZZ99 OK begin TLS now\r\n",
    ("starttls-refused-with-pipelined-success", SMTP): (
        b"454 4.7.0 TLS not available\r\n235 2.7.0 Authenticated\r\n250 OK\r\n250 OK\r\n354 Go ahead\r\n250 OK\r\n"
    ),
    ("starttls-refused-with-pipelined-success", IMAP): b"a2 BAD no TLS\r\na3 OK logged in\r\na4 OK done\r\n",
    ("starttls-refused-with-pipelined-success", POP3): b"-ERR no TLS\r\n+OK\r\n+OK logged in\r\n+OK 0 0\r\n",
    ("smtp-530-to-everything", SMTP): b"530 5.7.0 Must issue a STARTTLS command first\r\n",
    ("capability-bad", IMAP): b"a2 BAD unknown command\r\n",
    ("imap4-only", IMAP): b"a2 BAD unknown command\r\n",
    ("capa-err", POP3): b"-ERR unknown command\r\n",
    ("injection-bye", IMAP): b"a2 OK Begin TLS negotiation now\r\n* BYE close the connection please.\r\n",
    ("injection-preauth", IMAP): b"a2 OK Begin TLS negotiation now\r\n* PREAUTH you are logged in\r\n",
    ("untagged-before-tls", IMAP): (
        b'* LIST () "/" 7XiYhgS7\r\n* LSUB () "/" 7XiYhgS7\r\n'
        b"* STATUS 7XiYhgS7 (MESSAGES 54321)\r\n* STATUS INBOX (MESSAGES 54321)\r\n"
        b"* SEARCH 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20\r\n* FLAGS (\\Seen 7XiYhgS7)\r\n"
        b"* 54321 EXISTS\r\n* 12345 RECENT\r\n* 1 EXPUNGE\r\n"
        b"* 1 FETCH (BODY[] {28}\r\nSubject: 7XiYhgS7\r\n\r\nHello\r\n)\r\n"
        b"a2 OK Begin TLS negotiation now\r\n"
    ),
}
"""All that STARTTLS or STLS gets before anything else is said."""
LISTS = {
    ("ehlo-unsupported-helo-fallback", SMTP): b"502 5.5.1 Command not recognized\r\n",
    ("ehlo-empty", SMTP): b"250 localhost\r\n",
    ("ehlo-mixed-codes", SMTP): b"250-localhost\r\n250-STARTTLS\r\n550 5.3.2 No\r\n",
    ("capability-bad", IMAP): b"a1 BAD unknown command\r\n",
    ("imap4-only", IMAP): b"* CAPABILITY IMAP4\r\na1 OK done\r\n",
    ("logindisabled-no-starttls", IMAP): b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\na1 OK done\r\n",
    ("capa-err", POP3): b"-ERR unknown command\r\n",
}
"""What the client's question for capabilities gets."""
CLOSING = ("starttls-refused-and-closed", "starttls-ok-then-close", "starttls-bye")


def _service(scenario: str, protocol: ProtocolName) -> str:
    return next(name for name in CATALOGUE[scenario].services if name == protocol.value)


def _octets(wire: Wire, size: int) -> bytes:
    """Return so many octets, and what came with the last of them."""
    data = b""
    while len(data) < size and (more := wire.segment()):
        data += more
    return data


@pytest.mark.parametrize(("scenario", "protocol"), REPLIES)
def test_reply(stage: LabProcess, scenario: str, protocol: ProtocolName) -> None:
    """STARTTLS gets this, and nothing besides."""
    expected = REPLIES[scenario, protocol]
    with Wire(place(stage, scenario, _service(scenario, protocol), Way.ADDRESS)) as wire:
        wire.capabilities()
        wire.send(STARTING[protocol])
        assert _octets(wire, len(expected)) == expected


@pytest.mark.parametrize(("scenario", "protocol"), LISTS)
def test_list(stage: LabProcess, scenario: str, protocol: ProtocolName) -> None:
    """The question for capabilities gets this."""
    with Wire(place(stage, scenario, _service(scenario, protocol), Way.LEASE)) as wire:
        assert wire.capabilities() == LISTS[scenario, protocol]


@pytest.mark.parametrize("scenario", CLOSING)
@pytest.mark.parametrize("protocol", [SMTP, IMAP, POP3])
def test_closed(stage: LabProcess, scenario: str, protocol: ProtocolName) -> None:
    """A line is the answer, and the end of the connection comes behind it."""
    with Wire(place(stage, scenario, _service(scenario, protocol), Way.ADDRESS)) as wire:
        wire.capabilities()
        wire.send(STARTING[protocol])
        said = b""
        while more := wire.segment():
            said += more
        accepted = {SMTP: b"220 ", IMAP: b"a2 OK ", POP3: b"+OK "}[protocol]
        assert said.startswith(accepted) is (scenario == "starttls-ok-then-close")
        assert said.count(b"\r\n") in (1, 2)


@pytest.mark.parametrize("protocol", [SMTP, IMAP, POP3])
def test_pretended(stage: LabProcess, protocol: ProtocolName) -> None:
    """STARTTLS is accepted, and the next command is answered in clear."""
    scenario = "starttls-ok-then-plaintext-reply"
    again = {SMTP: b"EHLO again.example\r\n", IMAP: b"a3 CAPABILITY\r\n", POP3: b"CAPA\r\n"}[protocol]
    with Wire(place(stage, scenario, _service(scenario, protocol), Way.ADDRESS)) as wire:
        wire.capabilities()
        assert wire.ask(STARTING[protocol]).startswith((b"220 ", b"a2 OK ", b"+OK "))
        assert wire.ask(again).startswith((b"250-localhost", b"* CAPABILITY IMAP4rev1 ", b"+OK "))


def test_silence(stage: LabProcess) -> None:
    """STARTTLS is not answered, and what is said next is."""
    with Wire(place(stage, "starttls-no-reply", "imap", Way.ADDRESS)) as wire:
        wire.capabilities()
        wire.send(STARTING[IMAP])
        assert wire.ask(b"a3 NOOP\r\n").startswith(b"a3 OK ")


def test_presented(stage: LabProcess) -> None:
    """Behind the greeting come tagged OKs that answer nothing."""
    with Wire(place(stage, "starttls-presented-tagged-ok", "imap", Way.ADDRESS)) as wire:
        assert wire.greeting.startswith(b"* OK [CAPABILITY ")
        assert [wire.line().split()[:2] for _ in range(7)] == [
            [tag, b"OK"] for tag in (b"RUBY0001", b"A001", b"A0001", b"a001", b"a1", b"A1", b"1")
        ]
