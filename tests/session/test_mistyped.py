"""A credential that is typed wrong is shown nowhere: whatever is wrong with it, whenever, in whichever format."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.mechanisms import SASL_MECHANISMS
from tests.servers.exposure import exposed, followed, shown

if TYPE_CHECKING:
    from pathlib import Path

    from tests.session.playbook import Building, Talk

PASSWORD = "s3cret"


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


_B = _b64(b"\0alice\0s3cret")
_P = _b64(b"s3cret")
_BEARER = _b64(b"n,a=alice,\x01auth=Bearer s3cret\x01\x01")
_XOAUTH2 = _b64(b"user=alice\x01auth=Bearer s3cret\x01\x01")
_LONG = b"s3cret" * 12_000

ANYWHERE = (
    # Nothing but the credential
    b"s3cret\r\n",
    b" s3cret\r\n",
    b"s3cret \r\n",
    b"s3cret\n",
    b"S3CRET\r\n",
    b"\ts3cret\r\n",
    b"s3cret\0\r\n",
    b"s3cret\x08t\r\n",
    b"\xffs3cret\xff\r\n",
    b"my s3cret\r\n",
    b"s3cret pass phrase\r\n",
    b'"s3cret"\r\n',
    b"<s3cret>\r\n",
    b"alice s3cret\r\n",
    b"s3cret alice\r\n",
    b"alice\ts3cret\r\n",
    b"alice:s3cret\r\n",
    b"alice/s3cret\r\n",
    b"alice,s3cret\r\n",
    b"alice\r\ns3cret\r\n",
    b"alice@lab.test s3cret\r\n",
    b"alice\0s3cret\r\n",
    b"\0alice\0s3cret\r\n",
    _P + b"\r\n",
    _B + b"\r\n",
    _B.lower() + b"\r\n",
    _B.rstrip(b"=") + b"\r\n",
    _B[:8] + b"\r\n" + _B[8:] + b"\r\n",
    b"= " + _B + b"\r\n",
    b"+ " + _B + b"\r\n",
    b"* " + _P + b"\r\n",
    _b64(b"alice") + b"\r\n" + _P + b"\r\n",
    _BEARER + b"\r\n",
    _XOAUTH2 + b"\r\n",
    # POP3's way
    b"PASS s3cret\r\n",
    b"PASS  s3cret\r\n",
    b"PASS\ts3cret\r\n",
    b"PASS:s3cret\r\n",
    b"PASS: s3cret\r\n",
    b"PASS=s3cret\r\n",
    b"PASS,s3cret\r\n",
    b"PASS-s3cret\r\n",
    b"PASSs3cret\r\n",
    b"PASS\0s3cret\r\n",
    b"PASS\r\ns3cret\r\n",
    b"PASS\n s3cret\r\n",
    b"PASS\rs3cret\r\n",
    b" PASS s3cret\r\n",
    b"pass s3cret\r\n",
    b"PASSWD s3cret\r\n",
    b"PASSWORD s3cret\r\n",
    b"PAS s3cret\r\n",
    b"PSAS s3cret\r\n",
    b"1 PASS s3cret\r\n",
    b"PASS alice s3cret\r\n",
    b"USER s3cret\r\n",
    b"USER alice s3cret\r\n",
    b"USER alice:s3cret\r\n",
    b"USER alice PASS s3cret\r\n",
    b"USER alice\rPASS s3cret\r\n",
    b"USER alice\nPASS s3cret\n",
    b"USER s3cret\r\nPASS alice\r\n",
    b"USER: s3cret\r\n",
    b"USERNAME s3cret\r\n",
    b"APOP alice s3cret\r\n",
    b"APOP s3cret 0123456789abcdef0123456789abcdef\r\n",
    b"APOP s3cret\r\n",
    b"RPOP s3cret\r\n",
    # IMAP's way
    b"1 LOGIN alice s3cret\r\n",
    b"1 LOGIN  alice  s3cret\r\n",
    b"1 LOGIN\talice\ts3cret\r\n",
    b"1\tLOGIN alice s3cret\r\n",
    b"1 LOGIN alice:s3cret\r\n",
    b"1 LOGIN alice,s3cret\r\n",
    b"1 LOGIN:alice:s3cret\r\n",
    b"1 LOGIN alice@s3cret\r\n",
    b"1 LOGIN s3cret\r\n",
    b"1 LOGIN s3cret alice\r\n",
    b"1 LOGIN s3cret s3cret\r\n",
    b"1 LOGIN alice bob s3cret\r\n",
    b'1 LOGIN "alice" "s3cret"\r\n',
    b'1 LOGIN "alice"s3cret\r\n',
    b'1 LOGIN "alice s3cret"\r\n',
    b'1 LOGIN "alice s3cret\r\n',
    b'1 LOGIN alice "s3\\cret"\r\n',
    b"1 LOGIN 'alice' 's3cret'\r\n",
    b"1 LOGIN (alice s3cret)\r\n",
    b"1 LOGIN alice\r\ns3cret\r\n",
    b"1 LOGIN\r\nalice s3cret\r\n",
    b"1\r\nLOGIN alice s3cret\r\n",
    b"LOGIN alice s3cret\r\n",
    b"LOGIN s3cret\r\n",
    b"login alice s3cret\r\n",
    b"1 1 LOGIN alice s3cret\r\n",
    b"* LOGIN alice s3cret\r\n",
    b"+ LOGIN alice s3cret\r\n",
    b"1LOGIN alice s3cret\r\n",
    b"1: LOGIN alice s3cret\r\n",
    b"1 LOGN alice s3cret\r\n",
    b"1 LOGINN alice s3cret\r\n",
    b"1 USER alice s3cret\r\n",
    b"1 UID LOGIN alice s3cret\r\n",
    b"1 UID s3cret\r\n",
    b"s3cret LOGIN alice 1\r\n",
    b"s3cret s3cret LOGIN\r\n",
    b"1 alice LOGIN s3cret\r\n",
    b"alice 1 s3cret LOGIN\r\n",
    b"1 LOGIN alice {6}\r\ns3cret\r\n",
    b"1 LOGIN alice {6+}\r\ns3cret\r\n",
    b"1 LOGIN alice ~{6}\r\ns3cret\r\n",
    b"1 LOGIN alice {6} s3cret\r\n",
    b"1 LOGIN alice {3}\r\ns3cret\r\n",
    b"1 LOGIN alice {3+}\r\ns3cret\r\n",
    b"1 LOGIN alice {60}\r\ns3cret\r\n",
    b"1 LOGIN {5}\r\nalice s3cret\r\n",
    b"1 LOGIN {5}\r\nalice {6}\r\ns3cret\r\n",
    b"1 LOGIN {6}\r\ns3cret alice\r\n",
    b"1 LOGIN {s3cret}\r\n",
    b"1 LOGIN alice {9000}\r\ns3cret\r\n",
    b"1 LOGIN alice {9000}\r\nmy s3cret\r\n",
    b"1 LOGIN alice {9000}\r\ns3cret phrase\r\n",
    b"1 LOGIN alice {9000}\r\ns3cret NOOP\r\n",
    b"1 LOGIN alice {9000}\r\n\r\ns3cret\r\n",
    b"1 LOGIN alice {9000}\r\ns3cret {9000}\r\n",
    b"1 LOGIN alice {9000+}\r\ns3cret\r\n",
    b"1 LOGIN {9000}\r\ns3cret s3cret\r\n",
    b"1 LOGIN alice {99999999999}\r\ns3cret\r\n",
    b"1 LOGIN alice {99999999999+}\r\ns3cret\r\n",
    b"s3cret {9000}\r\n",
    b"s3cret {6+}\r\ns3cret\r\n",
    b"1 s3cret {9000+}\r\n",
    # SASL, in either spelling
    b"AUTH " + _B + b"\r\n",
    b"AUTH " + _P + b"\r\n",
    b"AUTH s3cret\r\n",
    b"AUTH alice s3cret\r\n",
    b"AUTH PLAIN " + _B + b"\r\n",
    b"AUTH PLAIN  " + _B + b" \r\n",
    b"AUTH\tPLAIN\t" + _B + b"\r\n",
    b"AUTH PLAIN\t" + _B + b"\r\n",
    b"AUTH:PLAIN " + _B + b"\r\n",
    b"AUTH=PLAIN " + _B + b"\r\n",
    b"AUTH PLAIN=" + _B + b"\r\n",
    b"AUTH PLAIN" + _B + b"\r\n",
    b"AUTH PLAIN\r\n" + _B + b"\r\n",
    b"AUTH PLAIN\r\ns3cret\r\n",
    b"AUTH PLAIN\r\n" + _B[:9] + b"\r\n" + _B[9:] + b"\r\n",
    b"AUTH PLAIN\r\n*\r\n" + _B + b"\r\n",
    b"AUTH PLAIN\r\n* " + _B + b"\r\n",
    b"AUTH PLAIN =\r\n" + _B + b"\r\n",
    b"AUTH PLAIN " + _B + b"\r\n" + _B + b"\r\n",
    b"AUTH XYZ " + _B + b"\r\n",
    b"AUTH X-" + _P + b"\r\n",
    b"AUTH LOGIN alice s3cret\r\n",
    b"AUTH LOGIN " + _P + b"\r\n",
    b"AUTH LOGIN\r\n" + _b64(b"alice") + b"\r\n" + _P + b"\r\n",
    b"AUTH LOGIN\r\n" + _P + b"\r\n" + _P + b"\r\n" + _P + b"\r\n",
    b"AUTH LOGIN\r\nalice\r\ns3cret\r\n",
    b"AUTH CRAM-MD5 " + _P + b"\r\n",
    b"AUTH CRAM-MD5\r\ns3cret\r\n" + _P + b"\r\n",
    b"AUTH DIGEST-MD5\r\n" + _P + b"\r\n",
    b"AUTH NTLM " + _P + b"\r\n",
    b"AUTH SCRAM-SHA-256 " + _b64(b"n,,n=s3cret,r=nonce") + b"\r\n" + _P + b"\r\n",
    b"AUTH XOAUTH2 " + _XOAUTH2 + b"\r\n",
    b"AUTH XOAUTH2 " + _XOAUTH2 + b"\r\n\r\n" + _XOAUTH2 + b"\r\n",
    b"AUTH XOAUTH2\r\n" + _XOAUTH2 + b"\r\n",
    b"AUTH OAUTHBEARER " + _BEARER + b"\r\nAQ==\r\n" + _P + b"\r\n",
    b"AUTH EXTERNAL " + _P + b"\r\n",
    b"AUTH EXTERNAL\r\n" + _P + b"\r\n",
    b"AUTH ANONYMOUS " + _P + b"\r\n",
    b"1 AUTH PLAIN " + _B + b"\r\n",
    b"AUTHENTICATE PLAIN " + _B + b"\r\n",
    b"AUTHENTICATE " + _B + b"\r\n",
    b"1 AUTHENTICATE " + _B + b"\r\n",
    b"1 AUTHENTICATE s3cret\r\n",
    b"1 AUTHENTICATE PLAIN " + _B + b"\r\n",
    b"1 AUTHENTICATE PLAIN:" + _B + b"\r\n",
    b"1 AUTHENTICATE\tPLAIN " + _B + b"\r\n",
    b'1 AUTHENTICATE "PLAIN" "' + _B + b'"\r\n',
    b"1 AUTHENTICATE {5+}\r\nPLAIN " + _B + b"\r\n",
    b"1 AUTHENTICATE PLAIN {20+}\r\n" + _B + b"\r\n",
    b"1 AUTHENTICATE PLAIN\r\n" + _B + b"\r\n",
    b"1 AUTHENTICATE PLAIN\r\n" + _B + b"\r\n" + _B + b"\r\n",
    b"1 AUTHENTICATE PLAIN\r\n*\r\n" + _B + b"\r\n",
    b"1 AUTHENTICATE LOGIN\r\n" + _b64(b"alice") + b"\r\n" + _P + b"\r\n" + _P + b"\r\n",
    b"1 AUTHENTICATE LOGIN " + _P + b" " + _P + b"\r\n",
    b"1 AUTHENTICATE SCRAM-SHA-1 " + _b64(b"n,,n=s3cret,r=nonce") + b"\r\n" + _P + b"\r\n",
    b"1 AUTHENTICATE XOAUTH2 " + _XOAUTH2 + b"\r\n\r\n",
    b"s3cret AUTHENTICATE PLAIN " + _B + b"\r\n",
    # Behind a command that takes nothing, or something else
    b"NOOP s3cret\r\n",
    b"1 NOOP s3cret\r\n",
    b"QUIT s3cret\r\n",
    b"1 LOGOUT s3cret\r\n",
    b"RSET s3cret\r\n",
    b"DATA s3cret\r\n",
    b"CAPA s3cret\r\n",
    b"1 CAPABILITY s3cret\r\n",
    b"STLS s3cret\r\n",
    b"STARTTLS s3cret\r\n",
    b"1 STARTTLS s3cret\r\n",
    b"1 IDLE s3cret\r\n",
    b"1 ID s3cret\r\n",
    b"1 ID (alice s3cret)\r\n",
    b'1 ID ("alice" "s3cret")\r\n',
    b'1 ID ("name" "x" "password" "s3cret")\r\n',
    b'1 ID ("name" "x" "environment" "P=s3cret")\r\n',
    b"HELP s3cret\r\n",
    b"BDAT s3cret\r\n",
    b"1 IDLE\r\ns3cret\r\n",
    b"1 IDLE\r\n2 LOGIN alice s3cret\r\n",
    b"1 IDLE\r\nDONE s3cret\r\n",
    b"XCLIENT LOGIN=s3cret\r\n",
    b"EHLO alice s3cret\r\n",
    b"EHLO alice:s3cret\r\n",
    b"EHLO\ts3cret\r\n",
    b"EHLO " + _B + b"\r\n",
    b"HELO me " + _B + b"\r\n",
    # Another program's protocol
    b"GET /?p=s3cret HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nAuthorization: Basic " + _b64(b"alice:s3cret") + b"\r\n\r\ns3cret\r\n",
    b"Authorization: Basic " + _b64(b"alice:s3cret") + b"\r\n",
    b"s3cret / HTTP/1.1\r\n",
    b"imap://alice:s3cret@localhost/\r\n",
    b"AUTHINFO PASS s3cret\r\n",
    b"<auth mechanism='PLAIN'>" + _B + b"</auth>\r\n",
    # Without an end, and without measure
    b"s3cret",
    b"PASS s3cret",
    b"1 LOGIN alice s3cret",
    b"1 LOGIN alice {6}\r\ns3cret",
    b"1 LOGIN alice {60+}\r\ns3cret",
    b"AUTH PLAIN " + _B,
    b"AUTH PLAIN\r\n" + _B,
    b"1 AUTHENTICATE PLAIN\r\n" + _B,
    _LONG + b"\r\n",
    _LONG,
    b"PASS " + _LONG + b"\r\n",
    b"1 LOGIN alice " + _LONG + b"\r\n",
    b"1 LOGIN " + _LONG + b" s3cret\r\n",
    b"s3cret " + b"x" * 70_000 + b"\r\n",
    b"s3cret LOGIN " + b"x" * 70_000 + b"\r\n",
    b"1 " + _LONG + b" x\r\n",
    b"AUTH " + _LONG + b"\r\n",
    b"AUTH PLAIN " + _LONG + b"\r\n",
    b"AUTH PLAIN\r\n" + _LONG + b"\r\n",
    b"1 AUTHENTICATE PLAIN\r\n" + _LONG + b"\r\n",
    b"s3cret" * 50 + b" NOOP\r\n",
)
"""Octets that a client may send in any state of any protocol."""

BEFORE_LOGIN = (
    b"VRFY s3cret\r\n",
    b"EXPN s3cret\r\n",
    b"MAIL s3cret\r\n",
    b"MAIL FROM:s3cret\r\n",
    b"MAIL FROM:<alice@lab.test> s3cret\r\n",
    b"MAIL FROM:<alice@lab.test> SIZE=s3cret\r\n",
    b"RCPT TO:<alice@lab.test> " + _B + b"\r\n",
    b"LIST s3cret\r\n",
    b"RETR s3cret\r\n",
    b"LANG s3cret\r\n",
    b"1 SELECT s3cret\r\n",
    b"1 EXAMINE alice s3cret\r\n",
    b"1 CREATE {6+}\r\ns3cret\r\n",
    b"1 APPEND INBOX {21+}\r\n2 LOGIN alice s3cret\r\n\r\n",
    b"1 SEARCH TEXT s3cret\r\n",
    b"1 UID FETCH 1 s3cret\r\n",
    b"1 ENABLE s3cret\r\n",
)
"""Octets that are the argument of a command which is possible, and so can be read, once the client has logged in."""

_STATES = {
    "imap": {
        "at first": b"",
        "after a failed login": b"f LOGIN alice wrong\r\n",
        "after a failed AUTHENTICATE": b"f AUTHENTICATE PLAIN AGFsaWNlAHdyb25n\r\n",
        "after a cancelled one": b"f AUTHENTICATE PLAIN\r\n*\r\n",
        "inside AUTHENTICATE": b"f AUTHENTICATE PLAIN\r\n",
        "after a refused literal": b"f LOGIN alice {9000}\r\n",
        "after login": b"f LOGIN alice s3cret\r\n",
        "after AUTHENTICATE": b"f AUTHENTICATE PLAIN " + _B + b"\r\n",
        "in a mailbox": b"f LOGIN alice s3cret\r\ng SELECT INBOX\r\n",
        "inside IDLE": b"f LOGIN alice s3cret\r\ng SELECT INBOX\r\nh IDLE\r\n",
    },
    "pop3": {
        "at first": b"",
        "after USER": b"USER alice\r\n",
        "after a failed login": b"USER alice\r\nPASS wrong\r\n",
        "after a cancelled AUTH": b"AUTH PLAIN\r\n*\r\n",
        "inside AUTH": b"AUTH PLAIN\r\n",
        "after login": b"USER alice\r\nPASS s3cret\r\n",
        "after AUTH": b"AUTH PLAIN " + _B + b"\r\n",
    },
    "submission": {
        "at first": b"",
        "after a failed AUTH": b"AUTH PLAIN AGFsaWNlAHdyb25n\r\n",
        "after a cancelled AUTH": b"AUTH LOGIN\r\n*\r\n",
        "inside AUTH": b"AUTH LOGIN\r\n",
        "after AUTH": b"AUTH PLAIN " + _B + b"\r\n",
        "inside a transaction": b"AUTH PLAIN " + _B + b"\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\n",
    },
    "smtp": {"at first": b""},
    "lmtp": {"at first": b""},
}
_INSIDE = {"after login", "after AUTH", "after AUTHENTICATE", "in a mailbox", "inside IDLE", "inside a transaction"}
_CASES = [(service, state, True) for service, states in _STATES.items() for state in states]
_CASES += [
    (service, state, False) for service, state, _ in _CASES if state in ("at first", "after login", "after AUTH")
]


def test_that_there_are_many() -> None:
    """The table has the forms that were asked for, and no form twice."""
    assert len(set(ANYWHERE)) == len(ANYWHERE) >= 99


@pytest.mark.parametrize(("service", "state", "secure"), _CASES)
def test_mistyped(building: Building, service: str, state: str, *, secure: bool, tmp_path: Path) -> None:
    """No form of a password is in the transcript, the reports or the log; events have verbs and mechanisms or none."""
    forms = ANYWHERE if state in _INSIDE else ANYWHERE + BEFORE_LOGIN
    shows: list[tuple[bytes, str, str]] = []
    for form in forms:
        talk = _talk(building, service, secure=secure)
        talk.say(_STATES[service][state])
        said = b"" if talk.closed else talk.say(form)
        talk.membrane.disconnected()
        swallowed = b"+}" in form  # too large, and so kept nowhere
        assert talk.closed or swallowed or _heard(talk), (form, "the rules have not")
        texts = shown(service, talk.seen) | followed(talk.seen, tmp_path)
        shows += [(form[:60], name, text) for name, text in texts.items() if exposed(text, PASSWORD)]
        _known_words_only(talk)
        assert not exposed(_untagged(said), PASSWORD), (form, said)
    assert not [(form, name, text[-400:]) for form, name, text in shows]


def _talk(building: Building, service: str, *, secure: bool) -> Talk:
    if secure:
        return building.secured(service)
    building.cleartext = True
    talk = building.opened(service)
    if service in ("submission", "smtp", "lmtp"):
        talk.say(b"LHLO me\r\n" if service == "lmtp" else b"EHLO me\r\n")
    return talk


def _untagged(said: bytes) -> str:
    """Return replies without the tag of those that complete a command: a client waits for it, whatever it is."""
    return re.sub(rb"(?m)^[^ *+]\S* (?=OK|NO|BAD)", b"", said).decode("latin-1")


def _heard(talk: Talk) -> bool:
    """Whether what the client said is among the octets that rules see."""
    said = [getattr(event, "data", b"") for event in talk.seen if not isinstance(event, events.ReplySent)]
    octets = b" ".join(said).replace(b"\\", b"").lower()
    return any(word[:7].lower() in octets for word in (b"s3c", _P, _B, _BEARER, _XOAUTH2, _b64(b"alice:s3cret")))


def _known_words_only(talk: Talk) -> None:
    for event in talk.seen:
        if isinstance(event, events.CommandReceived):
            assert not event.verb or event.verb.replace(" ", "").isalnum()
            assert "S3CRET" not in event.verb
        if isinstance(event, events.AuthenticationSucceeded | events.AuthenticationFailed):
            assert event.mechanism in SASL_MECHANISMS | {"", "USER", "APOP"}


@pytest.mark.parametrize(
    ("before", "line"),
    [
        (b"", b"s3cret\r\n"),
        (b"", b"s3cret \r\n"),
        (b"", b"s3cret {9000}\r\n"),
        (b"", b"s3cret {9000+}\r\n" + b"x" * 9000 + b"\r\n"),
        (b"", b"s3cret " + b"x" * 70_000 + b"\r\n"),
        (b"", b"s3cret" * 50 + b" NOOP\r\n"),
        (b"1 LOGIN alice {9000}\r\n", b"s3cret\r\n"),
        (b"1 LOGIN alice {9000}\r\n", b"s3cret phrase\r\n"),
        (b"1 LOGIN {9000+}\r\n" + b"x" * 9000 + b"\r\n", b"s3cret phrase\r\n"),
        (b"1 LOGIN alice wrong\r\n", b"s3cret alice\r\n"),
        (b"1 AUTHENTICATE PLAIN\r\n*\r\n", b"s3cret alice\r\n"),
    ],
)
def test_no_reply_repeats_what_may_be_no_tag(building: Building, before: bytes, line: bytes) -> None:
    """Words that make no command are refused without a tag if they stand alone, follow a refusal, or are too long."""
    talk = building.secured("imap")
    talk.say(before)
    reply = talk.say(line)
    assert reply.startswith(b"* BAD" if b"{9000" not in line else b"* NO [TOOBIG]")
    assert b"s3cret" not in reply
    assert talk.say(b"2 LOGIN alice s3cret\r\n").startswith(b"2 OK")


def test_a_tag_is_repeated(building: Building) -> None:
    """A client that waits for the answer to a command hears its tag, known command or not, after a refusal too."""
    talk = building.secured("imap")
    assert talk.say(b"a1 XYZZY\r\n").startswith(b"a1 BAD")
    assert talk.say(b"a2 LOGIN alice {9000}\r\n").startswith(b"a2 NO")
    assert talk.say(b"a3 LOGIN alice wrong\r\n").startswith(b"a3 NO")
    assert talk.say(b"a4 COMPRESS DEFLATE\r\n").startswith(b"a4 BAD")
    assert talk.say(b"a5 LOGIN alice s3cret\r\n").startswith(b"a5 OK")
    assert talk.say(b"a6 XYZZY\r\n").startswith(b"a6 BAD")


def test_a_session_can_still_be_read(building: Building) -> None:
    """What is no credential is shown to the letter."""
    talk = building.secured("imap")
    script = (
        b'A001 ID ("name" "Mail" "version" "1.0")\r\n',
        b"A002 LOGIN bob wrong\r\n",
        b'A003 LOGIN "alice" s3cret\r\n',
        b"A004 SELECT INBOX\r\n",
        b"A005 UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])\r\n",
        b"A006 SEARCH NONSENSE\r\n",
        b"A007 IDLE\r\n",
        b"done\r\n",
        b"A008 LOGOUT\r\n",
    )
    start = len(talk.seen)
    for line in script:
        talk.say(line)
    told = [event for event in talk.seen[start:] if isinstance(event, events.CommandReceived | events.LineReceived)]
    assert [event.masked for event in told] == [
        *(script[0], b"A002 LOGIN bob ****\r\n", b'A003 LOGIN "alice" ****\r\n', *script[3:])
    ]
    assert [event.verb for event in told if isinstance(event, events.CommandReceived)][:3] == ["ID", "LOGIN", "LOGIN"]
    replies = [event for event in talk.seen if isinstance(event, events.ReplySent)]
    assert not any(event.masked for event in replies)


def test_any_name_that_logs_in(building: Building) -> None:
    """Where every name is let in, a name that nobody had is not shown for what it is before it has been let in."""
    building.accept_any = True
    talk = building.secured("pop3")
    talk.say(b"USER s3cret\r\nUSER alice\r\n")
    told = [event.masked for event in talk.seen if isinstance(event, events.CommandReceived)]
    assert told[-2:] == [b"USER ****\r\n", b"USER alice\r\n"]


@pytest.mark.parametrize("service", ["imap", "pop3", "submission"])
@pytest.mark.parametrize("initial", [True, False])
def test_the_nonce_that_scram_repeats(building: Building, service: str, *, initial: bool) -> None:
    """SCRAM's challenge repeats what the client put into its nonce; the transcript shows the server's part of it."""
    talk = building.secured(service)
    command = b"1 AUTHENTICATE SCRAM-SHA-256" if service == "imap" else b"AUTH SCRAM-SHA-256"
    first = _b64(b"n,,n=alice,r=x-s3cret")
    talk.say(command + (b" " if initial else b"\r\n") + first + b"\r\n")
    challenge = talk.all(events.ReplySent)[-1]
    assert isinstance(challenge, events.ReplySent)
    assert base64.b64decode(challenge.data.split()[1]).startswith(b"r=x-s3cret")
    assert challenge.masked is not None
    told = base64.b64decode(challenge.masked.split()[1])
    assert re.fullmatch(rb"r=\*\*\*\*[^,]{24},s=[^,]+,i=4096", told)
    assert not any(exposed(text, PASSWORD) for text in shown(service, talk.seen).values())
