"""An exchange that is cut leaves nothing behind, wherever that happens: every verb of three backends, at each step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.conditions import Nth, When
from tests.misbehaviours.stage import Cuts
from tests.session.playbook import FACTS, BoundChannel

if TYPE_CHECKING:
    from tests.session.playbook import Building, Talk


SECRET = b"s3cret"
PLAIN = b"AGFsaWNlAHMzY3JldA=="
MAIL = b"Subject: x\r\n\r\nNOOP\r\nQUIT\r\n"
SMTP = {
    "EHLO": (b"EHLO me\r\n",),
    "MAIL": (b"MAIL FROM:<c@d.test>\r\n",),
    "RCPT": (b"RCPT TO:<alice@lab.test>\r\n",),
    "DATA": (b"DATA\r\n", MAIL + b".\r\n"),
    "BDAT": (b"BDAT %d LAST\r\n" % len(MAIL) + MAIL,),
    "AUTH": (b"AUTH PLAIN\r\n", PLAIN + b"\r\n"),
    "RSET": (b"RSET\r\n",),
    "VRFY": (b"VRFY alice\r\n",),
    "STARTTLS": (b"STARTTLS\r\n",),
}
IMAP = {
    "CAPABILITY": (b"x CAPABILITY\r\n",),
    "SELECT": (b"x SELECT INBOX\r\n",),
    "FETCH": (b"x FETCH 1:* (FLAGS BODY[])\r\n",),
    "STORE": (b"x STORE 1:* +FLAGS (\\Seen)\r\n",),
    "SEARCH": (b"x SEARCH ALL\r\n",),
    "COPY": (b"x COPY 1:* Sent\r\n",),
    "APPEND": (b"x APPEND INBOX {%d+}\r\n" % len(MAIL) + MAIL + b"\r\n",),
    "EXPUNGE": (b"x EXPUNGE\r\n",),
    "IDLE": (b"x IDLE\r\n", b"DONE\r\n"),
    "AUTHENTICATE": (b"x AUTHENTICATE PLAIN\r\n", PLAIN + b"\r\n"),
    "LIST": (b'x LIST "" *\r\n',),
    "STATUS": (b"x STATUS INBOX (MESSAGES)\r\n",),
}
POP3 = {
    "CAPA": (b"CAPA\r\n",),
    "STAT": (b"STAT\r\n",),
    "LIST": (b"LIST\r\n",),
    "UIDL": (b"UIDL\r\n",),
    "RETR": (b"RETR 1\r\n",),
    "TOP": (b"TOP 1 0\r\n",),
    "DELE": (b"DELE 1\r\n",),
    "AUTH": (b"AUTH PLAIN\r\n", PLAIN + b"\r\n"),
}
BEFORE = {
    "submission": (b"EHLO me\r\n",),
    "imap": (b"l LOGIN alice s3cret\r\n", b"s SELECT INBOX\r\n"),
    "pop3": (b"USER alice\r\n", b"PASS s3cret\r\n"),
}
CASES = [
    (service, verb, after)
    for service, verbs in (("submission", SMTP), ("imap", IMAP), ("pop3", POP3))
    for verb in verbs
    for after in range(4)
]


def _opened(building: Building, service: str, verb: str, after: int) -> Talk:
    link = Cuts(when=When(command=verb, nth=Nth("1")), after=after)
    talk = building.talk(service, chain=Chain([link]))
    talk.open()
    if verb != "STARTTLS":
        talk.membrane.secure = True
        talk.membrane.secured(FACTS, BoundChannel())
        talk.pull()
    authenticates = verb in {"AUTH", "AUTHENTICATE", "EHLO"}
    for line in BEFORE[service] if not authenticates else ():
        talk.say(line)
    if service == "submission" and verb in {"MAIL", "RCPT", "DATA", "BDAT"}:
        talk.say(b"AUTH PLAIN " + PLAIN + b"\r\n")
        talk.say(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\n" if verb != "MAIL" else b"")
    if verb == "AUTH" and service == "submission":
        talk.say(b"EHLO me\r\n")
    return talk


@pytest.mark.parametrize(("service", "verb", "after"), CASES)
def test_cut(building: Building, service: str, verb: str, after: int) -> None:
    """What belongs to the command is taken and masked, and the next commands are answered as ever."""
    building.deliver(b"Subject: one\r\n\r\nHello.\r\n")
    talk = _opened(building, service, verb, after)
    script = {"submission": SMTP, "imap": IMAP, "pop3": POP3}[service][verb]
    before = len(talk.all(events.CommandReceived))
    said = b""
    for place, octets in enumerate(script):
        turn = said.startswith((b"+", b"334", b"354"))
        if place and not turn:
            break  # the client was not given its turn
        said = talk.say(octets)
    if talk.negotiating or talk.closed:
        return
    assert len(talk.all(events.CommandReceived)) == before + 1, "nothing of it was read as another command"
    noop = b"n NOOP\r\n" if service == "imap" else b"NOOP\r\n"
    assert talk.say(noop).split()[service == "imap"] in {b"250", b"OK", b"+OK", b"-ERR"}
    for event in talk.seen:
        masked = getattr(event, "masked", None)
        assert masked is None or (SECRET not in masked and PLAIN not in masked)


def test_a_cut_login_logs_nobody_in(building: Building) -> None:
    """Cut before its answer, an AUTH has not happened."""
    talk = _opened(building, "submission", "AUTH", 2)
    talk.say(b"AUTH PLAIN\r\n")
    talk.say(PLAIN + b"\r\n")
    assert talk.all(events.AuthenticationSucceeded) == []
    assert talk.say(b"AUTH PLAIN " + PLAIN + b"\r\n").startswith(b"235")


def test_a_cut_transaction_delivers_nothing(building: Building) -> None:
    """Without the mail, nobody gets any; the next one is delivered as ever."""
    talk = _opened(building, "submission", "DATA", 1)
    assert talk.say(b"DATA\r\n").startswith(b"354")
    assert talk.say(MAIL + b".\r\n") == b""
    inbox = building.store.account("bob").mailbox("INBOX")
    assert inbox is not None
    assert len(inbox.messages) == 0
    talk.say(b"RSET\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n")
    assert talk.say(MAIL + b".\r\n").startswith(b"250")
    assert len(inbox.messages) == 1
    assert building.intake.budget.held == 0
