"""A chain at work in a session: what the client gets, what the backend hears of, and what is told when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver import events
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.conditions import Nth, When
from labserver.misbehaviours.kinds.answers import Answer
from labserver.misbehaviours.kinds.authentication import LoginRefused
from labserver.misbehaviours.kinds.ends import End, Goodbye
from labserver.misbehaviours.kinds.greeting import Preauthenticated
from labserver.misbehaviours.kinds.oracle import Withhold
from labserver.misbehaviours.kinds.replies import Changed, Dropped
from labserver.misbehaviours.kinds.upgrade import Injection, UpgradeRefused
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.words import Lines, Octets
from labserver.wire.actions import Abort, Close, Hold
from tests.session.playbook import FACTS, BoundChannel

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Misbehaviour
    from tests.session.playbook import Building, Talk

MAIL = b"Subject: hello\r\n\r\nHello.\r\n"
NEVER = When(command="XNEVER")


def _talk(building: Building, service: str, *links: Misbehaviour) -> Talk:
    talk = building.talk(service, chain=Chain(links))
    talk.open()
    return talk


def _mails(building: Building, account: str) -> int:
    inbox = building.store.account(account).mailbox("INBOX")
    assert inbox is not None
    return len(inbox.messages)


def _told(talk: Talk) -> list[str]:
    return [event.facet for event in talk.seen if isinstance(event, events.Misbehaved)]


def test_greylisting(building: Building) -> None:
    """Answered instead: the honest server never hears of the first two recipients, and the mail goes to the third."""
    greylisted = Answer(when=When(command="RCPT", nth=Nth("1-2")), send=Lines("450 4.2.0 Greylisted"))
    talk = _talk(building, "smtp", greylisted)
    assert talk.say(b"EHLO me\r\nMAIL FROM:<a@b.test>\r\n").endswith(b"250 2.1.0 Sender accepted\r\n")
    asked = [talk.say(b"RCPT TO:<%b@lab.test>\r\n" % name) for name in (b"alice", b"alice", b"bob")]
    assert [answer[:3] for answer in asked] == [b"450", b"450", b"250"]
    talk.say(b"DATA\r\n")
    assert talk.say(MAIL + b".\r\n")[:3] == b"250"
    assert (_mails(building, "alice"), _mails(building, "bob")) == (0, 1)
    assert _told(talk) == ["answer"] * 2


def test_a_reply_that_is_changed_took_effect(building: Building) -> None:
    """A changed reply belongs to a command that the honest server has answered."""
    link = Changed(when=When(command="RCPT"), send=Lines("450 4.2.0 Busy"))
    talk = _talk(building, "smtp", link)
    talk.say(b"EHLO me\r\nMAIL FROM:<a@b.test>\r\n")
    assert talk.say(b"RCPT TO:<bob@lab.test>\r\n") == b"450 4.2.0 Busy\r\n"
    talk.say(b"DATA\r\n" + MAIL + b".\r\n")
    assert _mails(building, "bob") == 1


def test_told_where_it_happens(building: Building) -> None:
    """Misbehaved stands before the reply that differs, and behind everything said before."""
    link = Answer(when=When(command="NOOP", nth=Nth("2")), send=Lines("250 misbehaving"))
    talk = _talk(building, "smtp", link)
    talk.say(b"NOOP\r\nNOOP\r\nNOOP\r\n")
    told = [type(event).__name__ for event in talk.seen if not isinstance(event, events.CommandReceived)]
    assert told == ["ReplySent", "ReplySent", "Misbehaved", "ReplySent", "ReplySent"]


def test_a_farewell_is_a_reply_and_a_close(building: Building) -> None:
    """Either can be had without the other."""
    silent = _talk(building, "smtp", Dropped(when=When(command="QUIT")))
    assert silent.say(b"QUIT\r\n") == b""
    assert silent.closed
    other = _talk(building, "imap", End(when=When(command="LOGOUT"), how="rst", after="reply"))
    assert other.say(b"a LOGOUT\r\n").startswith(b"* BYE")
    assert other.ended == Abort()


ENDS = [
    (End(how="orderly", say=Lines("bye")), Close()),
    (End(how="no-close-notify", say=Lines("bye")), Close(notify=False)),
    (End(how="half", say=Lines("bye")), Close(half=True)),
    (End(how="rst", say=Lines("bye")), Abort()),
]


@pytest.mark.parametrize(("link", "action"), ENDS)
@pytest.mark.parametrize("service", ["smtp", "imap", "pop3", "lmtp"])
def test_ends(building: Building, service: str, link: End, action: Close | Abort) -> None:
    """The connection ends in each way, in every protocol, and nothing that was pipelined is answered."""
    talk = _talk(building, service, link)
    assert talk.say(b"a NOOP\r\na NOOP\r\n" if service == "imap" else b"NOOP\r\nNOOP\r\n") == b"bye\r\n"
    assert talk.ended == action
    assert _told(talk) == ["end"]


def test_preauth(building: Building) -> None:
    """The client is logged in: it can select a mailbox, and STARTTLS is refused."""
    talk = building.talk("imap", chain=Chain([Preauthenticated()]))
    assert talk.open().startswith(b"* PREAUTH [CAPABILITY IMAP4rev1 ")
    assert b"a BAD" in talk.say(b"a STARTTLS\r\n")
    assert _told(talk) == ["preauth"]


def test_bye_in_idle(building: Building) -> None:
    """A farewell stands behind the continuation of IDLE, without waiting for DONE."""
    talk = building.talk("imaps", chain=Chain([Goodbye(when=When(command="IDLE"), after="continuation")]))
    talk.membrane.secured(FACTS, BoundChannel())
    talk.open()
    talk.say(b"a LOGIN alice s3cret\r\nb SELECT INBOX\r\n")
    assert talk.say(b"c IDLE\r\n") == b"+ idling\r\n* BYE [UNAVAILABLE] Shutting down\r\n"
    assert talk.closed


@pytest.mark.parametrize("service", ["submission", "imap", "pop3"])
def test_right_credentials_refused(building: Building, service: str) -> None:
    """Each mechanism refuses in its own words, and it is told once for each attempt, ahead of the answer."""
    talk = building.talk(service, chain=Chain([LoginRefused()]))
    talk.open()
    verb = {"imap": b"a STARTTLS", "pop3": b"STLS"}.get(service, b"EHLO me\r\nSTARTTLS")
    talk.say(verb + b"\r\n")
    talk.secure()
    if service == "submission":
        talk.say(b"EHLO me\r\n")
    plain = b"AUTHENTICATE PLAIN" if service == "imap" else b"AUTH PLAIN"
    said = talk.say((b"b " if service == "imap" else b"") + plain + b" AGFsaWNlAHMzY3JldA==\r\n")
    assert said.split()[service == "imap"] in (b"535", b"NO", b"-ERR")
    assert _told(talk) == ["login-refused"]
    told = [event for event in talk.seen if isinstance(event, events.Misbehaved | events.ReplySent)]
    assert isinstance(told[-2], events.Misbehaved)


def test_octets_that_follow_a_command_are_never_commands(building: Building) -> None:
    """BDAT's chunk and the mail after a 354 are taken, though the honest server did not ask for them."""
    talk = _talk(building, "smtp", Answer(when=When(command="BDAT"), send=Lines("450 4.2.0 Busy")))
    assert talk.say(b"BDAT 6 LAST\r\nNOOP\r\nNOOP\r\n") == b"450 4.2.0 Busy\r\n250 2.0.0 OK\r\n"
    talk = _talk(building, "smtp", Answer(when=When(command="DATA"), send=Lines("354 Go ahead")))
    assert talk.say(b"DATA\r\n") == b"354 Go ahead\r\n"
    assert talk.say(b"NOOP\r\n.\r\nNOOP\r\n").count(b"\r\n") == 1


def test_a_literal_that_is_refused(building: Building) -> None:
    """A link on the occasion ``literal`` answers for the server; what comes next is a command."""
    link = Answer(when=When(on=Occasion.LITERAL), send=Lines("<tag> NO [OVERQUOTA] Full"))
    talk = _talk(building, "imap", link)
    assert talk.say(b"a LOGIN {5}\r\n") == b"a NO [OVERQUOTA] Full\r\n"
    assert talk.say(b"b NOOP\r\n").startswith(b"b OK")
    assert _told(talk) == ["answer"]


def test_injection_and_the_instrument(building: Building) -> None:
    """The payload is in clear behind the reply; inside TLS nothing is said for a while. The instrument is no fault."""
    talk = building.talk("submission", chain=Chain([Injection(), Withhold(seconds=2)]))
    talk.open()
    talk.say(b"EHLO me\r\n")
    assert talk.say(b"STARTTLS\r\n") == b"220 2.0.0 Ready to start TLS\r\n250-injected\r\n250 AUTH PLAIN LOGIN\r\n"
    talk.secure()
    assert talk.delays == [Hold(2)]


def test_a_chain_that_never_acts_says_what_is_honest(building: Building) -> None:
    """Octets are those of an honest session, in every protocol."""
    scripts = {
        "smtp": b"EHLO me\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<bob@lab.test>\r\nDATA\r\n" + MAIL + b".\r\nQUIT\r\n",
        "imap": b"a CAPABILITY\r\nb LOGIN {3}\r\n",
        "pop3": b"CAPA\r\nUSER alice\r\nQUIT\r\n",
    }
    links = (Answer(when=NEVER, send=Lines("no")), End(when=NEVER), UpgradeRefused(when=NEVER))
    for service, script in scripts.items():
        honest, wrapped = building.talk(service), building.talk(service, chain=Chain(links))
        assert (honest.open(), honest.say(script)) == (wrapped.open(), wrapped.say(script))
        assert honest.closed == wrapped.closed
        assert _told(wrapped) == []


def test_silence(building: Building) -> None:
    """What is said after a silence is said once in it, and the client's next word begins another."""
    link = Goodbye(when=When(on=Occasion.QUIET, idle=5, nth=Nth("2")))
    talk = _talk(building, "imap", link)
    assert talk.membrane.deadline() == building.clock.monotonic() + 5
    building.clock.elapsed += 5
    talk.membrane.tick()
    assert talk.pull() == b""
    assert talk.membrane.deadline() is None
    talk.say(b"a NOOP\r\n")
    building.clock.elapsed += 4
    talk.membrane.tick()
    assert talk.pull() == b""
    building.clock.elapsed += 1
    talk.membrane.tick()
    assert talk.pull().startswith(b"* BYE")
    assert talk.closed


def test_octets_as_they_are(building: Building) -> None:
    """What is no text can be said as well."""
    talk = _talk(building, "smtp", Answer(when=When(command="NOOP"), octets=Octets("<x:ff00><crlf>")))
    assert talk.say(b"NOOP\r\n") == b"\xff\0\r\n"
