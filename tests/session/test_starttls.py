"""STARTTLS and STLS: nothing said in clear survives the boundary (RFC 3207 4.2, RFC 2595 4, RFC 9051 6.2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from labserver import events
from tests.session.playbook import Scripted

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Link
    from tests.session.playbook import Building, Talk


@dataclass(frozen=True, kw_only=True)
class _Spelling:
    """How a protocol says what these tests need."""

    service: str
    upgrade: bytes
    ready: bytes
    argued: bytes
    """The upgrade with an argument it must not have."""
    refused: bytes
    login: bytes
    """Commands that authenticate inside TLS, smuggled in clear."""
    probe: bytes
    unauthenticated: bytes
    """What ``probe`` answers where nobody is logged in."""
    prelude: bytes = b""


_SPELLINGS = [
    _Spelling(
        service="smtp",
        prelude=b"EHLO me\r\n",
        upgrade=b"STARTTLS\r\n",
        ready=b"220 ",
        argued=b"STARTTLS now\r\n",
        refused=b"501 5.5.4 ",
        login=b"EHLO me\r\nAUTH PLAIN AGFsaWNlAHMzY3JldA==\r\nMAIL FROM:<evil@x.test>\r\n",
        probe=b"RCPT TO:<alice@lab.test>\r\n",
        unauthenticated=b"503 ",
    ),
    _Spelling(
        service="imap",
        upgrade=b"a STARTTLS\r\n",
        ready=b"a OK ",
        argued=b"a STARTTLS now\r\n",
        refused=b"a BAD ",
        login=b"b LOGIN alice s3cret\r\nc SELECT INBOX\r\n",
        probe=b"d SELECT INBOX\r\n",
        unauthenticated=b"d BAD ",
    ),
    _Spelling(
        service="pop3",
        upgrade=b"STLS\r\n",
        ready=b"+OK ",
        argued=b"STLS now\r\n",
        refused=b"-ERR ",
        login=b"USER alice\r\nPASS s3cret\r\n",
        probe=b"STAT\r\n",
        unauthenticated=b"-ERR ",
    ),
]


@pytest.fixture(params=_SPELLINGS, ids=lambda spelling: spelling.service)
def spelling(request: pytest.FixtureRequest) -> _Spelling:
    """Run the test for each protocol."""
    found: _Spelling = request.param
    return found


def _opened(building: Building, spelling: _Spelling) -> Talk:
    talk = building.opened(spelling.service)
    if spelling.prelude:
        talk.say(spelling.prelude)
    return talk


def test_upgrade(building: Building, spelling: _Spelling) -> None:
    """The upgrade is accepted with one reply; then the session is silent until TLS is up."""
    talk = _opened(building, spelling)
    answer = talk.say(spelling.upgrade)
    assert answer.startswith(spelling.ready)
    assert answer.count(b"\r\n") == 1
    assert talk.negotiating
    assert talk.secure() == b"", "the server says nothing by itself inside TLS"
    assert talk.membrane.secure
    assert talk.say(spelling.probe).startswith(spelling.unauthenticated)


def test_plaintext_behind_it_is_discarded(building: Building, spelling: _Spelling) -> None:
    """Commands pipelined in clear are thrown away unparsed, and the transcript tells (CVE-2011-0411)."""
    talk = _opened(building, spelling)
    assert talk.say(spelling.upgrade + spelling.login).count(b"\r\n") == 1
    assert talk.secure() == b""
    assert talk.say(spelling.probe).startswith(spelling.unauthenticated)
    (discarded,) = talk.all(events.PlaintextDiscarded)
    assert isinstance(discarded, events.PlaintextDiscarded)
    assert (discarded.data, discarded.size) == (spelling.login, len(spelling.login))
    assert not talk.all(events.AuthenticationSucceeded)


def test_half_a_line_behind_it_is_discarded(building: Building, spelling: _Spelling) -> None:
    """Not even the beginning of a line in clear becomes part of a line inside TLS."""
    talk = _opened(building, spelling)
    talk.say(spelling.upgrade + b"XX")
    talk.secure()
    assert talk.say(spelling.probe).startswith(spelling.unauthenticated)
    assert not [event for event in talk.all(events.CommandReceived) if b"XX" in getattr(event, "data", b"")]


def test_what_was_said_before_is_forgotten(building: Building) -> None:
    """The session inside TLS is a new one: an envelope, a user name, a greeting from before do not count."""
    smtp = building.opened("smtp")
    smtp.say(b"EHLO me\r\nSTARTTLS\r\n")
    smtp.secure()
    assert smtp.say(b"MAIL FROM:<a@b.test>\r\n").startswith(b"503 "), "EHLO is due again (RFC 3207 4.2)"
    pop3 = building.opened("pop3")
    pop3.say(b"USER alice\r\nSTLS\r\n")
    pop3.secure()
    assert pop3.say(b"PASS s3cret\r\n").startswith(b"-ERR ")


def test_the_old_session_is_released(building: Building) -> None:
    """The session in clear ends, once, when TLS starts."""
    made: list[Scripted] = []

    def make(link: Link) -> Scripted:
        made.append(Scripted(link))
        return made[-1]

    talk = building.opened("smtp", make)
    talk.say(b"STARTTLS\r\n")
    talk.secure()
    assert [scripted.gone for scripted in made] == [True, False]
    talk.membrane.disconnected()
    assert [scripted.gone for scripted in made] == [True, True]


def test_refused_with_an_argument(building: Building, spelling: _Spelling) -> None:
    """The upgrade takes no argument; the dialogue goes on in clear."""
    talk = _opened(building, spelling)
    assert talk.say(spelling.argued).startswith(spelling.refused)
    assert not talk.negotiating
    assert talk.say(spelling.upgrade).startswith(spelling.ready)


def test_refused_inside_tls(building: Building, spelling: _Spelling) -> None:
    """TLS inside TLS is refused."""
    talk = _opened(building, spelling)
    talk.say(spelling.upgrade)
    talk.secure()
    talk.say(spelling.prelude)
    assert not talk.say(spelling.upgrade).startswith(spelling.ready)
    assert not talk.negotiating


@pytest.mark.parametrize(
    ("service", "upgrade"), [("submissions", b"STARTTLS\r\n"), ("imaps", b"a STARTTLS\r\n"), ("pop3s", b"STLS\r\n")]
)
def test_refused_on_implicit_tls(building: Building, service: str, upgrade: bytes) -> None:
    """A service whose TLS is there from the start neither offers nor takes an upgrade."""
    talk = building.opened(service)
    talk.say(upgrade)
    assert not talk.negotiating
    assert not talk.membrane.offers_starttls


def test_refused_by_the_session(building: Building) -> None:
    """The session's state decides whether an upgrade is possible."""
    talk = building.opened("smtp", lambda link: Scripted(link, permitted=False))
    assert talk.say(b"STARTTLS\r\n").startswith(b"503 ")
    assert not talk.negotiating


def test_offered_in_clear_only(building: Building, spelling: _Spelling) -> None:
    """The upgrade is offered until TLS is up."""
    talk = _opened(building, spelling)
    assert talk.membrane.offers_starttls
    talk.say(spelling.upgrade)
    talk.secure()
    assert not talk.membrane.offers_starttls


@pytest.mark.parametrize("literal", [b"{3+}\r\nabc\r\n", b"{0+}\r\n\r\n", b" {3+}\r\nabc\r\n", b"~{1+}\r\n\0\r\n"])
@pytest.mark.parametrize("command", [b"a STARTTLS ", b"a starttls  "])
def test_a_literal_is_an_argument(building: Building, command: bytes, literal: bytes) -> None:
    """STARTTLS has none: it is BAD, and the dialogue goes on in clear."""
    talk = building.opened("imap")
    assert talk.say(command + literal).startswith(b"a BAD STARTTLS takes no argument")
    assert not talk.negotiating
    assert talk.say(b"b STARTTLS {3}\r\n") == b"+ OK\r\n"
    assert talk.say(b"abc\r\n").startswith(b"b BAD STARTTLS takes no argument")
    assert talk.say(b"c STARTTLS\r\n").startswith(b"c OK ")
    assert talk.negotiating
