"""Whatever is done to a login, the password is shown nowhere."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from labserver.report.ndjson import encoded
from labserver.report.text import lines
from tests.servers.exposure import exposed
from tests.session.playbook import Building

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.session.playbook import Talk

PASSWORD = "kT7vQ9xZ2m"
_STARTED = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_P = PASSWORD.encode()
_PLAIN = base64.b64encode(b"\0alice\0" + _P)
_SECRETS = (
    _P,
    _P.upper(),
    b'"%b"' % _P,
    b"%b!" % _P,
    b"x" + _P,
    base64.b64encode(_P),
    base64.b64encode(_P).rstrip(b"="),
    base64.b64encode(b"x" + _P),
    base64.b64encode(b"xy" + _P),
    _PLAIN,
    base64.b64encode(b"user=alice\x01auth=Bearer " + _P + b"\x01\x01"),
    b"{%d}\r\n%b" % (len(_P), _P),
    b"{%d+}\r\n%b" % (len(_P), _P),
    b"{3+}\r\n" + _P,
    b"{99999}\r\n" + _P,
    b"{99999}\r\n%b NOOP" % _P,
    b"{99999+}\r\n" + _P,
)
_VERBS = (
    *(
        b"LOGIN",
        b"login",
        b"LOGN",
        b"AUTHENTICATE",
        b"AUTHENTICATE PLAIN",
        b"AUTHENTICATE LOGIN",
        b"AUTH",
        b"AUTH PLAIN",
    ),
    *(b"AUTH LOGIN", b"AUTH CRAM-MD5", b"AUTH XYZ", b"PASS", b"pass", b"PASSWORD", b"USER", b"USER alice", b"APOP"),
    *(b"APOP alice", b"NOOP", b"QUIT", b"CAPA", b"CAPABILITY", b"STARTTLS", b"STLS", b"IDLE", b"UID", b"ID", b"DONE"),
    *(b"GET", b"POST", b"LOGIN alice", b"LOGIN {5}\r\nalice", b'LOGIN "alice"', b"UID LOGIN", b"RSET", b"*", b"+", b""),
)
_TAGS = (b"", b"1", b"a001", b"A1", b"*", b"+", b"abcdefghij", b"tag tag")
_SEPARATORS = (b" ", b" ", b" ", b"  ", b"\t", b":", b"=", b",", b"", b"\r\n", b"\n", b"\r", b"\0", b" \r\n")
_ENDS = (b"\r\n", b"\r\n", b"\n", b"", b" \r\n", b"\r\n.\r\n", b"\r\n*\r\n", b" x" * 40_000 + b"\r\n")
_NAMES = (b"", b"alice", b'"alice"', b"alice@lab.test")
_STATES = {
    "imap": (
        b"",
        b"f LOGIN alice wrong\r\n",
        b"f LOGIN alice {9000}\r\n",
        b"f AUTHENTICATE PLAIN\r\n",
        b"f AUTHENTICATE PLAIN\r\n*\r\n",
        b"f LOGIN alice %b\r\n" % _P,
        b"f LOGIN alice %b\r\ng SELECT INBOX\r\nh IDLE\r\n" % _P,
    ),
    "pop3": (b"", b"USER alice\r\n", b"USER alice\r\nPASS wrong\r\n", b"AUTH LOGIN\r\n", b"AUTH PLAIN %b\r\n" % _PLAIN),
    "submission": (b"", b"AUTH LOGIN\r\n", b"AUTH LOGIN\r\n*\r\n", b"AUTH PLAIN x\r\n", b"AUTH PLAIN %b\r\n" % _PLAIN),
}


@st.composite
def _logins(draw: st.DrawFn) -> bytes:
    """Return words of a login in some order, with something between them, and something behind."""
    words = [draw(st.sampled_from(choice)) for choice in (_TAGS, _VERBS, _NAMES, _SECRETS)]
    if draw(st.booleans()):
        words.append(draw(st.sampled_from(_SECRETS)))
    if draw(st.integers(0, 3)) == 0:
        words = draw(st.permutations(words))
    said = b"".join(word + draw(st.sampled_from(_SEPARATORS)) for word in words if word)
    return said.rstrip(b" ") + draw(st.sampled_from(_ENDS))


@st.composite
def _garbled(draw: st.DrawFn) -> bytes:
    """Return a login in which octets around the password were changed, added or lost."""
    said = draw(_logins())
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(said)))
        if any(
            secret in said[max(0, at - 60) : at + 60] and secret not in said[:at] + b"\xff" + said[at:]
            for secret in _SECRETS
        ):
            continue  # inside the password, of which then less is left
        cut = at + draw(st.integers(0, 1)) if said[at : at + 1].isspace() else at
        said = said[:at] + draw(st.binary(max_size=3)) + said[cut:]
    return said


@given(
    service=st.sampled_from(sorted(_STATES)),
    state=st.integers(0, 20),
    logins=st.lists(_garbled(), min_size=1, max_size=3),
    pieces=st.lists(st.integers(1, 40), max_size=5),
    secure=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_no_password(service: str, state: int, logins: list[bytes], pieces: list[int], *, secure: bool) -> None:
    """A login that is mistyped, in any state and cut in any way, leaves no password in the transcript."""
    talk = _talk(service, secure=secure)
    states = _STATES[service]
    talk.say(states[state % len(states)])
    for said in _cut(b"".join(logins), pieces):
        if not talk.closed:
            talk.say(said)
    talk.membrane.disconnected()
    records = [encoded(1, _STARTED, event) for event in talk.seen]
    assert not exposed("\n".join(records), PASSWORD)
    assert not exposed("\n".join(line for record in records for line in lines(json.loads(record), raw=True)), PASSWORD)


def _cut(said: bytes, pieces: list[int]) -> Iterator[bytes]:
    for size in pieces:
        yield said[:size]
        said = said[size:]
    yield said


def _talk(service: str, *, secure: bool) -> Talk:
    building = Building(password=PASSWORD, cleartext=not secure)
    talk = building.secured(service) if secure else building.opened(service)
    if service == "submission" and not secure:
        talk.say(b"EHLO me\r\n")
    return talk
