"""A browser that some page has sent to a mail port: it is hung up on before the body of its request."""

from __future__ import annotations

import pytest

from labserver import events
from tests.session.playbook import Building, Scripted, Talk

_BODY = {
    "smtp": b"EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",
    "submission": b"EHLO me\r\nAUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n",
    "lmtp": b"LHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n",
    "imap": b"1 LOGIN alice s3cret\r\n2 SELECT INBOX\r\n3 STORE 1:* +FLAGS (\\Deleted)\r\n4 EXPUNGE\r\n",
    "pop3": b"USER alice\r\nPASS s3cret\r\nDELE 1\r\nQUIT\r\n",
}
_GOODBYES = {
    "smtp": b"421 4.7.0 ",
    "submission": b"421 4.7.0 ",
    "lmtp": b"421 4.7.0 ",
    "imap": b"* BYE ",
    "pop3": b"-ERR ",
}
_REQUESTS = (
    (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n", "POST"),
    (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET"),
    (b"PUT /s3cret HTTP/1.1\r\n\r\n", "PUT"),
    (b"OPTIONS / HTTP/1.1\r\n\r\n", "OPTIONS"),
    (b"DELETE / HTTP/1.1\r\n\r\n", "DELETE"),
    (b"PROPFIND / HTTP/1.1\r\n\r\n", "HTTP"),
    (b"POST /" + b"s3cret" * 20_000 + b" HTTP/1.1\r\n\r\n", "POST"),
    (b"Host: localhost\r\n\r\n", "HTTP"),
)


@pytest.mark.parametrize("service", list(_BODY))
@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize(("request_", "word"), _REQUESTS)
def test_hung_up_on(building: Building, service: str, request_: bytes, word: str, *, secure: bool) -> None:
    """One goodbye answers the whole request; none of its body is obeyed; the transcript tells the method and why."""
    building.cleartext = True
    building.deliver(b"Subject: mine\r\n\r\n")
    talk = building.secured(service) if secure else building.opened(service)
    before = len(talk.seen)
    said = talk.say(request_ + _BODY[service])
    assert said.startswith(_GOODBYES[service])
    assert said.count(b"\r\n") == 1
    assert b"HTTP" in said
    assert talk.closed
    assert _inbox(building) == 1
    asked, answered = talk.seen[before:]
    assert isinstance(asked, events.CommandReceived)
    assert (asked.verb, asked.masked) == (word, word.encode() + b" ****\r\n")
    assert isinstance(answered, events.ReplySent)


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_later(building: Building, service: str) -> None:
    """A request that comes after other lines is one all the same."""
    talk = building.opened(service)
    talk.say(b"x\r\n")
    assert talk.say(b"POST / HTTP/1.1\r\n").startswith(_GOODBYES[service])
    assert talk.closed


def test_octet_by_octet(building: Building) -> None:
    """How the request is cut into segments changes nothing."""
    talk = building.opened("smtp")
    request = b"POST / HTTP/1.1\r\n\r\n" + _BODY["smtp"]
    said = b"".join(talk.say(request[at : at + 1]) for at in range(len(request)) if not talk.closed)
    assert said.startswith(b"421 ")
    assert talk.closed


def test_a_tag_may_be_a_method(building: Building) -> None:
    """IMAP's tags are the client's: GET before a command is one."""
    talk = building.opened("imap")
    assert talk.say(b"GET NOOP\r\n").startswith(b"GET OK")
    assert talk.say(b"POST CAPABILITY\r\n").splitlines()[-1].startswith(b"POST OK")
    assert talk.say(b"DELETE DELETE x\r\n").startswith(b"DELETE BAD")
    assert not talk.closed


def test_mail_may_hold_a_request(building: Building) -> None:
    """What is not a command is not looked at."""
    talk = building.opened("smtp")
    talk.say(b"EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<alice@lab.test>\r\nDATA\r\n")
    assert talk.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n.\r\n").startswith(b"250 ")
    assert _inbox(building) == 1


def test_what_a_session_knows_is_its_own(building: Building) -> None:
    """A session is asked for every other command, also for one that only begins like a request."""
    made: list[Scripted] = []

    def make(link: Talk) -> Scripted:
        made.append(Scripted(link))  # type: ignore[arg-type]  # the membrane is a link
        return made[-1]

    talk = building.opened("smtp", make)  # type: ignore[arg-type]  # the same
    talk.say(b"GETTING x\r\nDELETE 1\r\n")
    assert made[0].asked == ["GETTING", "DELETE"]


def _inbox(building: Building) -> int:
    inbox = building.store.account("alice").mailbox("INBOX")
    assert inbox is not None
    return len(inbox.messages)
