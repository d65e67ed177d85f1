"""AUTH and AUTHENTICATE for all protocols: initial responses, ``=``, ``*``, proofs, limits, and their events."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from labserver import events
from tests.session.playbook import FACTS, BoundChannel, Scripted

if TYPE_CHECKING:
    from tests.session.playbook import Building, Talk

_PLAIN = base64.b64encode(b"\0alice\0s3cret")
_WRONG = base64.b64encode(b"\0alice\0wrong")


@dataclass(frozen=True, kw_only=True)
class _Spelling:
    service: str
    verb: bytes
    prompt: bytes
    welcome: bytes
    rejected: bytes
    malformed: bytes
    cancelled: bytes
    unsupported: bytes
    needs_tls: bytes


_SPELLINGS = [
    _Spelling(
        service="submission",
        verb=b"AUTH ",
        prompt=b"334 ",
        welcome=b"235 2.7.0",
        rejected=b"535 5.7.8",
        malformed=b"501 5.5.2",
        cancelled=b"501 5.7.0",
        unsupported=b"504 5.5.4",
        needs_tls=b"538 5.7.11",
    ),
    _Spelling(
        service="imap",
        verb=b"a AUTHENTICATE ",
        prompt=b"+ ",
        welcome=b"a OK",
        rejected=b"a NO [AUTHENTICATIONFAILED]",
        malformed=b"a BAD",
        cancelled=b"a BAD",
        unsupported=b"a NO [CANNOT]",
        needs_tls=b"a NO [PRIVACYREQUIRED]",
    ),
    _Spelling(
        service="pop3",
        verb=b"AUTH ",
        prompt=b"+ ",
        welcome=b"+OK",
        rejected=b"-ERR [AUTH]",
        malformed=b"-ERR Cannot decode",
        cancelled=b"-ERR Authentication cancelled",
        unsupported=b"-ERR Unsupported",
        needs_tls=b"-ERR Start TLS",
    ),
]


@pytest.fixture(params=_SPELLINGS, ids=lambda spelling: spelling.service)
def spelling(request: pytest.FixtureRequest) -> _Spelling:
    """Run the test for each protocol."""
    found: _Spelling = request.param
    return found


@pytest.fixture
def talk(building: Building, spelling: _Spelling) -> Talk:
    """Return a session inside TLS."""
    return building.secured(spelling.service)


def _auth(talk: Talk, spelling: _Spelling, words: bytes) -> bytes:
    return talk.say(spelling.verb + words + b"\r\n")


def _outcomes(talk: Talk) -> list[events.Event]:
    return talk.all(events.AuthenticationSucceeded, events.AuthenticationFailed)


def test_initial_response(talk: Talk, spelling: _Spelling) -> None:
    """An initial response saves the challenge; the event tells who, how and that it was inside TLS."""
    assert _auth(talk, spelling, b"plain " + _PLAIN).startswith(spelling.welcome)
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationSucceeded)
    assert (outcome.account, outcome.mechanism, outcome.secure) == ("alice", "PLAIN", True)


def test_without_an_initial_response(talk: Talk, spelling: _Spelling) -> None:
    """Without one the server sends an empty challenge and takes a line, which the transcript masks."""
    assert _auth(talk, spelling, b"PLAIN") == spelling.prompt + b"\r\n"
    assert talk.say(_PLAIN + b"\r\n").startswith(spelling.welcome)
    (line,) = talk.all(events.LineReceived)
    assert isinstance(line, events.LineReceived)
    assert (line.data, line.masked) == (_PLAIN + b"\r\n", b"****\r\n")


def test_a_line_that_looks_like_a_command(talk: Talk, spelling: _Spelling) -> None:
    """What is pipelined behind AUTH is its response, never a command."""
    answer = _auth(talk, spelling, b"PLAIN\r\n" + _PLAIN)
    prompt, completion = answer.splitlines()[:2]
    assert prompt == spelling.prompt
    assert completion.startswith(spelling.welcome)


def test_empty_initial_response(talk: Talk, spelling: _Spelling) -> None:
    """``=`` is an empty initial response, not a missing one (RFC 4954 4): PLAIN finds it malformed."""
    assert _auth(talk, spelling, b"PLAIN =").startswith(spelling.malformed)


def test_cancelled(talk: Talk, spelling: _Spelling) -> None:
    """``*`` cancels; the session goes on."""
    _auth(talk, spelling, b"PLAIN")
    assert talk.say(b"*\r\n").startswith(spelling.cancelled)
    (line,) = talk.all(events.LineReceived)
    assert isinstance(line, events.LineReceived)
    assert line.masked == b"*\r\n"
    assert _auth(talk, spelling, b"PLAIN " + _PLAIN).startswith(spelling.welcome)


@pytest.mark.parametrize(
    "response", [b"%%%", b"AGFsaWNl AGFsaWNl", b"AGFsaWNlA", b"QQ=Q", "é".encode(), b"=", b"A" * 9]
)
def test_malformed_base64(talk: Talk, spelling: _Spelling, response: bytes) -> None:
    """What is not base64 is refused as such, as initial response and as line."""
    if response != b"=":
        assert _auth(talk, spelling, b"PLAIN " + response).startswith(spelling.malformed)
    _auth(talk, spelling, b"PLAIN")
    assert talk.say(response + b"\r\n").startswith(spelling.malformed)
    assert not talk.all(events.AuthenticationSucceeded, events.InternalFault)


def test_overlong_response(building: Building, spelling: _Spelling) -> None:
    """A response beyond the line's limit is malformed; the session goes on."""
    building.limit(smtp_line=1000, imap_line=1000, pop3_line=1000)
    talk = building.secured(spelling.service)
    _auth(talk, spelling, b"PLAIN")
    assert talk.say(b"A" * 2000 + b"\r\n").startswith(spelling.malformed)
    assert _auth(talk, spelling, b"PLAIN " + _PLAIN).startswith(spelling.welcome)


def test_wrong_password(talk: Talk, spelling: _Spelling) -> None:
    """A wrong password is told as rejected; the event names the mechanism."""
    assert _auth(talk, spelling, b"PLAIN " + _WRONG).startswith(spelling.rejected)
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationFailed)
    assert (outcome.mechanism, outcome.secure) == ("PLAIN", True)


_EMPTY = [b"\0alice\0", b"\0\0s3cret", b"\0\0", b"alice\0alice\0", b"alice\0\0"]


@pytest.mark.parametrize("message", _EMPTY)
@pytest.mark.parametrize("accept_any", [False, True])
def test_empty_name_or_password_is_wrong(
    building: Building, spelling: _Spelling, message: bytes, *, accept_any: bool
) -> None:
    """What is empty is refused as wrong credentials, not as bad syntax, and also where any password will do."""
    building.accept_any = accept_any
    talk = building.secured(spelling.service)
    assert _auth(talk, spelling, b"PLAIN " + base64.b64encode(message)).startswith(spelling.rejected)
    _auth(talk, spelling, b"LOGIN")
    _, name, password = message.split(b"\0")
    talk.say(base64.b64encode(name) + b"\r\n")
    assert talk.say(base64.b64encode(password) + b"\r\n").startswith(spelling.rejected)
    assert not talk.all(events.AuthenticationSucceeded)


@pytest.mark.parametrize(
    ("service", "commands", "answer"),
    [
        ("imap", b'a LOGIN alice ""\r\n', b"a NO [AUTHENTICATIONFAILED]"),
        ("imap", b'a LOGIN "" s3cret\r\n', b"a NO [AUTHENTICATIONFAILED]"),
        ("imap", b'a LOGIN "" ""\r\n', b"a NO [AUTHENTICATIONFAILED]"),
        ("pop3", b"USER alice\r\nPASS \r\n", b"+OK Now the password\r\n-ERR [AUTH]"),
        ("pop3", b"USER \r\nPASS s3cret\r\n", b"+OK Now the password\r\n-ERR [AUTH]"),
    ],
)
@pytest.mark.parametrize("accept_any", [False, True])
def test_empty_name_or_password_is_wrong_in_every_command(
    building: Building, service: str, commands: bytes, answer: bytes, *, accept_any: bool
) -> None:
    """IMAP's LOGIN and POP3's USER and PASS know no empty credentials either."""
    building.accept_any = accept_any
    assert building.secured(service).say(commands).startswith(answer)


@pytest.mark.parametrize("header", [b"n,,", b"y,,", b"p=tls-unique,,"])
def test_plus_without_a_channel_binding_names_the_remedy(talk: Talk, spelling: _Spelling, header: bytes) -> None:
    """A client that chose a -PLUS mechanism and cannot bind is told apart from one with a wrong password."""
    _auth(talk, spelling, b"SCRAM-SHA-256-PLUS " + base64.b64encode(header + b"n=alice,r=client"))
    assert talk.say(b"\r\n").startswith(spelling.rejected)
    _told(talk, "not bound to the TLS channel")


def test_plus_withdrawn_names_the_remedy(talk: Talk, spelling: _Spelling) -> None:
    """So it is when the client notices before it has said anything, as mutt does."""
    _auth(talk, spelling, b"SCRAM-SHA-256-PLUS")
    assert talk.say(b"*\r\n").startswith(spelling.cancelled)
    _told(talk, "cancelled by the client before its first message")


def _told(talk: Talk, reason: str) -> None:
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationFailed)
    assert (outcome.mechanism, outcome.reason) == ("SCRAM-SHA-256-PLUS", reason)
    assert outcome.remedy == (
        "it seems to have no channel binding: let it use SCRAM-SHA-256, "
        "or start the lab with --mechanisms SCRAM-SHA-256,PLAIN"
    )


@pytest.mark.parametrize("mechanism", [b"SCRAM-SHA-256", b"PLAIN"])
def test_no_remedy_where_nothing_needs_a_binding(talk: Talk, spelling: _Spelling, mechanism: bytes) -> None:
    """Another mechanism that is cancelled has its own reasons."""
    _auth(talk, spelling, mechanism)
    talk.say(b"*\r\n")
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationFailed)
    assert outcome.remedy == ""


def test_unknown_mechanism(talk: Talk, spelling: _Spelling) -> None:
    """A mechanism that does not exist is told as unsupported."""
    assert _auth(talk, spelling, b"NTLM").startswith(spelling.unsupported)


def test_initial_response_where_the_server_speaks_first(talk: Talk, spelling: _Spelling) -> None:
    """CRAM-MD5 has no initial response (RFC 4422 5)."""
    assert _auth(talk, spelling, b"CRAM-MD5 " + _PLAIN).startswith(spelling.malformed)


def test_cram_md5(talk: Talk, spelling: _Spelling) -> None:
    """A mechanism whose first word is the server's works from its challenge (RFC 2195)."""
    challenge = base64.b64decode(_auth(talk, spelling, b"CRAM-MD5").removeprefix(spelling.prompt))
    digest = hmac.new(b"s3cret", challenge, hashlib.md5).hexdigest()
    assert talk.say(base64.b64encode(b"alice " + digest.encode()) + b"\r\n").startswith(spelling.welcome)


def test_login(talk: Talk, spelling: _Spelling) -> None:
    """LOGIN asks twice."""
    assert _auth(talk, spelling, b"LOGIN").startswith(spelling.prompt)
    assert talk.say(base64.b64encode(b"alice") + b"\r\n").startswith(spelling.prompt)
    assert talk.say(base64.b64encode(b"s3cret") + b"\r\n").startswith(spelling.welcome)


def _scram_until_proof(talk: Talk, spelling: _Spelling) -> bytes:
    """Do SCRAM-SHA-256 up to the server's proof, and return the reply that carries it."""
    first = b"n=alice,r=client"
    challenge = base64.b64decode(
        _auth(talk, spelling, b"SCRAM-SHA-256 " + base64.b64encode(b"n,," + first)).removeprefix(spelling.prompt)
    )
    fields = dict(field.split(b"=", 1) for field in challenge.split(b","))
    last = b"c=biws,r=" + fields[b"r"]
    salted = hashlib.pbkdf2_hmac("sha256", b"s3cret", base64.b64decode(fields[b"s"]), int(fields[b"i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    message = b",".join([first, challenge, last])
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(left ^ right for left, right in zip(client_key, signature, strict=True))
    return talk.say(base64.b64encode(last + b",p=" + base64.b64encode(proof)) + b"\r\n")


def test_proof_as_one_more_challenge(talk: Talk, spelling: _Spelling) -> None:
    """SCRAM's server signature goes ahead as a challenge; the client's empty answer completes it (RFC 4422 5)."""
    proof = _scram_until_proof(talk, spelling)
    assert base64.b64decode(proof.removeprefix(spelling.prompt)).startswith(b"v=")
    assert not _outcomes(talk), "not before the client has seen the proof"
    assert talk.say(b"\r\n").startswith(spelling.welcome)


@pytest.mark.parametrize("answer", [b"*", b"%%%", b"AAAA"])
def test_a_client_that_does_not_believe_the_proof(talk: Talk, spelling: _Spelling, answer: bytes) -> None:
    """Who cancels at the proof, or answers it with anything, is not logged in."""
    _scram_until_proof(talk, spelling)
    refusal = spelling.cancelled if answer == b"*" else spelling.malformed
    assert talk.say(answer + b"\r\n").startswith(refusal)
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationFailed)


@pytest.mark.parametrize("answer", [b"", b"AQ==", b"*", b"%%%"])
def test_failure_with_a_challenge(talk: Talk, spelling: _Spelling, answer: bytes) -> None:
    """XOAUTH2 tells its error in one more challenge; whatever the client says to it, the login has failed."""
    token = base64.b64encode(b"user=alice\x01auth=Bearer wrong\x01\x01")
    challenge = _auth(talk, spelling, b"XOAUTH2 " + token)
    assert base64.b64decode(challenge.removeprefix(spelling.prompt)).startswith(b"{")
    assert talk.say(answer + b"\r\n").startswith(spelling.rejected)


def test_not_twice(talk: Talk, spelling: _Spelling) -> None:
    """Who is logged in cannot log in."""
    _auth(talk, spelling, b"PLAIN " + _PLAIN)
    assert not _auth(talk, spelling, b"PLAIN " + _PLAIN).startswith(spelling.welcome)
    assert len(talk.all(events.AuthenticationSucceeded)) == 1


def test_never_in_clear(building: Building, spelling: _Spelling) -> None:
    """Without TLS a mechanism that exists is refused with the reason; nothing of it is offered."""
    talk = building.opened(spelling.service)
    if spelling.service == "submission":
        talk.say(b"EHLO me\r\n")
    assert talk.membrane.mechanisms == ()
    assert not talk.membrane.accepts_passwords
    assert _auth(talk, spelling, b"PLAIN " + _PLAIN).startswith(spelling.needs_tls)
    assert _auth(talk, spelling, b"NTLM").startswith(spelling.unsupported)
    assert [event.secure for event in _outcomes(talk) if isinstance(event, events.AuthenticationFailed)] == [False] * 2


def test_in_clear_when_asked_for(building: Building, spelling: _Spelling) -> None:
    """The operator may allow it; the event tells that it was in clear."""
    building.cleartext = True
    talk = building.opened(spelling.service)
    if spelling.service == "submission":
        talk.say(b"EHLO me\r\n")
    assert _auth(talk, spelling, b"PLAIN " + _PLAIN).startswith(spelling.welcome)
    (outcome,) = _outcomes(talk)
    assert isinstance(outcome, events.AuthenticationSucceeded)
    assert not outcome.secure


def test_too_many_failures(building: Building, spelling: _Spelling) -> None:
    """The last failure that is allowed is answered, then the server says goodbye."""
    building.limit(failed_logins=3)
    talk = building.secured(spelling.service)
    for _ in range(2):
        assert _auth(talk, spelling, b"PLAIN " + _WRONG).startswith(spelling.rejected)
        assert not talk.closed
    answer = _auth(talk, spelling, b"PLAIN " + _WRONG)
    assert answer.startswith(spelling.rejected)
    assert b"Too many errors" in answer.splitlines()[-1]
    assert talk.closed


def test_success_forgives(building: Building) -> None:
    """A login that works starts the count again."""
    building.limit(failed_logins=2)
    talk = building.opened("submissions", Scripted)
    talk.membrane.secured(FACTS, BoundChannel())
    talk.say(b"AUTH PLAIN " + _WRONG + b"\r\nAUTH PLAIN " + _PLAIN + b"\r\nAUTH PLAIN " + _WRONG + b"\r\n")
    assert not talk.closed


def test_refused_by_the_session(building: Building) -> None:
    """The session's state decides whether a login is possible."""
    building.cleartext = True
    talk = building.opened("smtp", lambda link: Scripted(link, permitted=False))
    assert talk.say(b"AUTH PLAIN " + _PLAIN + b"\r\n").startswith(b"503 ")


def test_bare_command_is_the_sessions(building: Building) -> None:
    """AUTH without an argument is the session's own to answer (POP3 lists mechanisms)."""
    talk = building.opened("pop3", Scripted)
    assert talk.say(b"AUTH\r\n") == b"did AUTH\r\n"


def test_the_protocols_own_logins_are_told(building: Building) -> None:
    """LOGIN, USER and PASS make the same events as SASL, and count the same."""
    imap = building.secured("imap")
    imap.say(b"a LOGIN alice wrong\r\nb LOGIN alice s3cret\r\n")
    pop3 = building.secured("pop3")
    pop3.say(b"USER alice\r\nPASS wrong\r\nUSER alice\r\nPASS s3cret\r\n")
    for talk in (imap, pop3):
        assert [type(event).__name__ for event in _outcomes(talk)] == [
            "AuthenticationFailed",
            "AuthenticationSucceeded",
        ]


def test_literals_grow_with_the_login(building: Building) -> None:
    """Before login a literal is small; after it, as large as a message."""
    building.limit(literal_before_login=10, message_size=1000)
    talk = building.secured("imap")
    assert talk.say(b"a LOGIN {11}\r\n").startswith(b"a NO [TOOBIG]")
    assert talk.say(b"b LOGIN {11+}\r\nalice123456 x\r\n").startswith(b"b NO [TOOBIG]")
    assert talk.say(b"c LOGIN {5}\r\n").startswith(b"+ ")
    assert talk.say(b"alice {6+}\r\ns3cret\r\n").startswith(b"c NO [TOOBIG]"), "eleven octets in all"
    assert talk.say(b"d LOGIN alice s3cret\r\n").startswith(b"d OK")
    assert talk.say(b"e APPEND INBOX {1001}\r\n").startswith(b"e NO [TOOBIG]")
    assert b"f OK" in talk.say(b"f APPEND INBOX {500+}\r\n" + b"x" * 500 + b"\r\n")
    assert talk.say(b"g APPEND INBOX {1000}\r\n").startswith(b"+ ")


def test_an_unasked_response_is_masked(building: Building, spelling: _Spelling) -> None:
    """What a client sends for a challenge that never came, its login refused, is shown nowhere; real commands are."""
    talk = building.opened(spelling.service)
    responses = (_PLAIN, base64.b64encode(b"s3cret!"), b"s3cret" * 3000)
    for response in responses:
        talk.say(spelling.verb + b"PLAIN\r\n" + response + b"\r\n")
    command = b"z NOOP\r\n" if spelling.service == "imap" else b"NOOP\r\n"
    talk.say(command)
    shown = [event.masked for event in talk.all(events.CommandReceived) if isinstance(event, events.CommandReceived)]
    said = [event.data for event in talk.all(events.ReplySent) if isinstance(event, events.ReplySent)]
    assert shown == [spelling.verb.rstrip() + b" PLAIN\r\n", b"****\r\n"] * 3 + [command]
    for response in responses:
        assert not any(response[:20].upper() in text.upper() for text in [*shown, *said])
    verbs = {event.verb for event in talk.all(events.CommandReceived) if isinstance(event, events.CommandReceived)}
    assert verbs == {"", spelling.verb.split()[-1].decode(), "NOOP"}
