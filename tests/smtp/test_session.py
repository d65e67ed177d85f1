"""The session's verbs in every state, by tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Command, ReplyKind
from labserver.limits import Limits
from labserver.services import SERVICES

if TYPE_CHECKING:
    from tests.smtp.conftest import Client, Connect, Mailroom

STATES: dict[str, list[str]] = {
    "fresh": [],
    "helo": ["HELO client.test"],
    "ehlo": ["EHLO client.test"],
    "mail": ["EHLO client.test", "MAIL FROM:<a@b>"],
    "rcpt": ["EHLO client.test", "MAIL FROM:<a@b>", "RCPT TO:<c@d>"],
    "bdat": ["EHLO client.test", "MAIL FROM:<a@b>", "RCPT TO:<c@d>", "BDAT 0"],
    "binary": ["EHLO client.test", "MAIL FROM:<a@b> BODY=BINARYMIME", "RCPT TO:<c@d>"],
}

EVERYWHERE = {
    "EHLO": "501 Syntax:",
    "HELO": "501 Syntax:",
    "HELO x": "250 mail.lab.test",
    "NOOP": "250 2.0.0",
    "NOOP anything at all": "250 2.0.0",
    "noop": "250 2.0.0",
    "RSET": "250 2.0.0",
    "RSET x": "501 5.5.4",
    "VRFY alice": "252 2.0.0",
    "VRFY": "501 5.5.4",
    "EXPN staff": "502 5.5.1",
    "HELP": "214 2.0.0",
    "HELP mail": "214 2.0.0",
    "HELP FOO": "504 5.5.4",
    "AUTH": "501 5.5.4",
    "QUIT x": "501 5.5.4",
    "QUIT": "221 2.0.0",
    "": "500 5.5.2",
    "FOO": "500 5.5.1",
    "LHLO x": "500 5.5.1",
    "STARTTLS": "500 5.5.1",
    "MAIL\u00e4 FROM:<a@b>": "500 5.5.1",
    "NOOP \x01": "501 5.5.2",
    "BDAT": "501 5.5.4",
    "BDAT x": "501 5.5.4",
    "BDAT -1": "501 5.5.4",
    "BDAT 0 FIRST": "501 5.5.4",
    "BDAT 99999999999999999999": "501 5.5.4",
}

BY_STATE = [
    ("fresh", "MAIL FROM:<a@b>", "503 5.5.1"),
    ("fresh", "RCPT TO:<c@d>", "503 5.5.1"),
    ("fresh", "DATA", "503 5.5.1"),
    ("fresh", "BDAT 0 LAST", "503 5.5.1"),
    ("helo", "MAIL FROM:<a@b>", "250 2.1.0"),
    ("helo", "MAIL FROM:<a@b> SIZE=1", "250 2.1.0"),
    ("helo", "MAIL FROM:<a@b> FOO=1", "555 5.5.4"),
    ("helo", "RCPT TO:<c@d>", "503 5.5.1"),
    ("helo", "DATA", "503 5.5.1"),
    ("ehlo", "MAIL FROM:<a@b>", "250 2.1.0"),
    ("ehlo", "mail from:<a@b>", "250 2.1.0"),
    ("ehlo", "MAIL FROM: <>", "250 2.1.0"),
    ("ehlo", "MAIL FROM:<a@b", "501 5.1.7"),
    ("ehlo", "MAIL FROM:<a@b> FOO=1", "555 5.5.4"),
    ("ehlo", "MAIL FROM:<a@b> SIZE=52428800", "250 2.1.0"),
    ("ehlo", "MAIL FROM:<a@b> SIZE=52428801", "552 5.3.4"),
    ("ehlo", "MAIL FROM:<b@\u00e4>", "553 5.6.7"),
    ("ehlo", "MAIL FROM:<\u00e4@b> SMTPUTF8", "250 2.1.0"),
    ("ehlo", "MAIL FROM:<a@b> BODY=8BITMIME RET=HDRS ENVID=x+20y AUTH=<>", "250 2.1.0"),
    ("ehlo", "MAIL", "501 5.5.4"),
    ("ehlo", "RCPT TO:<c@d>", "503 5.5.1"),
    ("ehlo", "DATA", "503 5.5.1"),
    ("ehlo", "BDAT 0 LAST", "503 5.5.1"),
    ("mail", "MAIL FROM:<x@y>", "503 5.5.1"),
    ("mail", "RCPT TO:<c@d>", "250 2.1.5"),
    ("mail", "RCPT TO:<Postmaster>", "250 2.1.5"),
    ("mail", "RCPT TO:<>", "501 5.1.3"),
    ("mail", "RCPT TO:<c@d> NOTIFY=NEVER ORCPT=rfc822;C@d", "250 2.1.5"),
    ("mail", "RCPT TO:<c@d> NOTIFY=x", "501 5.5.4"),
    ("mail", "RCPT TO:<c@d> SIZE=1", "555 5.5.4"),
    ("mail", "RCPT TO:<d@\u00e4>", "553 5.6.7"),
    ("mail", "RCPT TO:<c@d> ORCPT=utf-8;\u00e4@d", "553 5.6.7"),
    ("mail", "DATA", "503 5.5.1"),
    ("mail", "BDAT 0 LAST", "503 5.5.1"),
    ("rcpt", "MAIL FROM:<x@y>", "503 5.5.1"),
    ("rcpt", "RCPT TO:<e@f>", "250 2.1.5"),
    ("rcpt", "DATA", "354 End"),
    ("rcpt", "DATA x", "501 5.5.4"),
    ("rcpt", "BDAT 0", "250 2.0.0"),
    ("rcpt", "bdat 0  last", "250 2.0.0"),
    ("bdat", "MAIL FROM:<x@y>", "503 5.5.1"),
    ("bdat", "RCPT TO:<e@f>", "503 5.5.1"),
    ("bdat", "DATA", "503 5.5.1"),
    ("bdat", "BDAT 0", "250 2.0.0"),
    ("bdat", "BDAT 0 LAST", "250 2.0.0"),
    ("binary", "DATA", "503 5.5.1"),
    ("binary", "BDAT 0 LAST", "250 2.0.0"),
]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(("line", "reply"), EVERYWHERE.items())
def test_what_every_state_answers_alike(connect: Connect, state: str, line: str, reply: str) -> None:
    """These commands get one reply, the same one in every state."""
    client = connect()
    client.ask(*STATES[state])
    (answer,) = client.ask(line)
    assert answer.startswith(reply)


@pytest.mark.parametrize(("state", "line", "reply"), BY_STATE)
def test_what_depends_on_the_state(connect: Connect, state: str, line: str, reply: str) -> None:
    """A transaction's commands are taken in their order only."""
    client = connect()
    client.ask(*STATES[state])
    assert client.codes(line) == [reply]


@pytest.mark.parametrize("state", ["mail", "rcpt", "bdat"])
@pytest.mark.parametrize("reset", ["RSET", "EHLO again", "HELO again"])
def test_reset_ends_the_transaction(connect: Connect, state: str, reset: str) -> None:
    """After RSET, EHLO and HELO a new transaction begins with MAIL (RFC 5321 4.1.1.5, 4.1.4)."""
    client = connect()
    client.ask(*STATES[state], reset)
    assert client.codes("DATA", "BDAT 0 LAST", "MAIL FROM:<x@y>") == ["503 5.5.1", "503 5.5.1", "250 2.1.0"]


@pytest.mark.parametrize("line", ["EHLO", "MAIL FROM:<", "RSET now", "FOO", "VRFY x", "HELP"])
def test_refused_command_changes_nothing(connect: Connect, line: str) -> None:
    """A command that is refused, and one that has no effect, leaves the transaction as it was."""
    client = connect()
    client.ask(*STATES["rcpt"], line)
    assert client.codes("DATA") == ["354 End"]


@pytest.mark.parametrize(
    ("service", "greeting"), [("smtp", "ESMTP"), ("submission", "ESMTP"), ("submissions", "ESMTP"), ("lmtp", "LMTP")]
)
def test_greeting_names_host_and_protocol(connect: Connect, service: str, greeting: str) -> None:
    """The first reply is 220 with the host's name (RFC 5321 4.2)."""
    reply = connect(service).session.greeting()
    assert (reply.kind, reply.code) == (ReplyKind.GREETING, "220")
    assert reply.raw == f"220 mail.lab.test {greeting} labserver ready\r\n".encode()


def test_ehlo_is_one_reply_with_every_extension(connect: Connect) -> None:
    """EHLO lists what is there, in one segment."""
    client = connect(limits=Limits(message_size=4711))
    (reply,) = client.say(b"EHLO client.test\r\n")
    assert reply.raw.decode().splitlines() == [
        "250-mail.lab.test",
        "250-PIPELINING",
        "250-SIZE 4711",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-CHUNKING",
        "250-BINARYMIME",
        "250-ENHANCEDSTATUSCODES",
        "250-DSN",
        "250-LIMITS RCPTMAX=1000",
        "250 HELP",
    ]


def test_ehlo_lists_what_the_membrane_offers(connect: Connect) -> None:
    """STARTTLS and AUTH are listed while the membrane offers them, and only then."""
    client = connect(offers_starttls=True, mechanisms=("SCRAM-SHA-256", "PLAIN"))
    (reply,) = client.ask("EHLO x")
    assert "250-STARTTLS\r\n250-AUTH SCRAM-SHA-256 PLAIN\r\n250 HELP" in reply
    client.link.offers_starttls, client.link.mechanisms = False, ()
    (reply,) = client.ask("EHLO x")
    assert "STARTTLS" not in reply
    assert "AUTH" not in reply


def test_help_knows_every_verb_it_lists(connect: Connect) -> None:
    """Each verb in HELP's list has a line of help that begins with it."""
    client = connect()
    (listing,) = client.ask("HELP")
    verbs = listing.split()[2:]
    assert set(verbs) == set(client.session.VERBS)
    for verb in verbs:
        assert client.ask(f"HELP {verb}")[0].startswith(f"214 2.0.0 {verb}")


def test_quit_is_the_last_word(client: Client) -> None:
    """QUIT is answered with 221 as a farewell, so that the membrane closes."""
    (reply,) = client.say(b"QUIT\r\nNOOP\r\n")
    assert (reply.kind, reply.code, reply.raw) == (ReplyKind.FAREWELL, "221", b"221 2.0.0 Goodbye\r\n")


def test_too_many_unrecognised_commands_end_the_session(connect: Connect) -> None:
    """As many as the limit allows are answered with 500, the next with 421 and goodbye; good ones do not count."""
    client = connect(limits=Limits(bad_commands=3))
    assert client.codes("FOO", "NOOP", "", "BAR", "NOOP") == [
        "500 5.5.1",
        "250 2.0.0",
        "500 5.5.2",
        "500 5.5.1",
        "250 2.0.0",
    ]
    (reply,) = client.say(b"BAZ\r\n")
    assert (reply.kind, reply.code) == (ReplyKind.FAREWELL, "421")


def test_bad_utf8_is_refused(client: Client) -> None:
    """An argument that is not UTF-8 is a syntax error."""
    assert [reply.code for reply in client.say(b"MAIL FROM:<\xff@b> SMTPUTF8\r\nNOOP\r\n")] == ["501", "250"]


def test_pipelined_commands_are_answered_in_order(client: Client, mailroom: Mailroom) -> None:
    """A whole transaction in one segment, a failed recipient included, gets its replies in order (RFC 2920)."""
    mailroom.known = frozenset({"c@d"})
    replies = client.say(
        b"RSET\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<nobody@d>\r\nDATA\r\nhi\r\n.\r\nNOOP\r\n"
    )
    assert [reply.code for reply in replies] == ["250", "250", "250", "550", "354", "250", "250"]
    assert [kind.kind for kind in replies].count(ReplyKind.CONTINUATION) == 1
    ((envelope, content),) = mailroom.delivered
    assert [recipient.address for recipient in envelope.recipients] == ["c@d"]
    assert content == b"hi\r\n"


def test_unknown_recipient_is_refused(client: Client, mailroom: Mailroom) -> None:
    """Whom the delivery does not know is refused at once, and the transaction goes on without."""
    mailroom.known = frozenset({"c@d"})
    client.ask("MAIL FROM:<a@b>")
    assert client.codes("RCPT TO:<x@d>", "DATA", "RCPT TO:<c@d>") == ["550 5.1.1", "503 5.5.1", "250 2.1.5"]


def test_recipients_are_limited(connect: Connect) -> None:
    """One more than the limit is refused for now (RFC 5321 4.5.3.1.10), and the others stay accepted."""
    client = connect(limits=Limits(recipients=2))
    client.ask("EHLO x", "MAIL FROM:<a@b>")
    assert client.codes(*["RCPT TO:<c@d>"] * 3, "DATA") == ["250 2.1.5", "250 2.1.5", "452 4.5.3", "354 End"]


SUBMISSION = [
    (True, (), "530 5.7.0 Must issue a STARTTLS command first"),
    (True, ("PLAIN",), "530 5.7.0 Authentication required"),
    (False, ("PLAIN",), "530 5.7.0 Authentication required"),
    (False, (), "530 5.7.0 Authentication required"),
]


@pytest.mark.parametrize(("offers_starttls", "mechanisms", "reply"), SUBMISSION)
@pytest.mark.parametrize("service", ["submission", "submissions"])
def test_submission_needs_authentication(
    connect: Connect, service: str, *, offers_starttls: bool, mechanisms: tuple[str, ...], reply: str
) -> None:
    """Before authentication MAIL is refused, pointing to STARTTLS where that has to come first (RFC 6409 4.3)."""
    client = connect(service, offers_starttls=offers_starttls, mechanisms=mechanisms)
    client.ask("EHLO x")
    assert client.ask("MAIL FROM:<a@b>") == [reply]
    assert client.codes("RCPT TO:<c@d>", "DATA", "NOOP") == ["503 5.5.1", "503 5.5.1", "250 2.0.0"]
    client.log_in()
    assert client.codes("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "DATA") == ["250 2.1.0", "250 2.1.5", "354 End"]


def test_authentication_outlives_ehlo_and_rset(connect: Connect) -> None:
    """Only a new session forgets who the client is."""
    client = connect("submissions", secure=True, mechanisms=("PLAIN",))
    client.ask("EHLO x")
    client.log_in()
    assert client.codes("RSET", "EHLO y", "MAIL FROM:<a@b>")[-1] == "250 2.1.0"


PERMITS = [
    ("fresh", "AUTH", False),
    ("fresh", "STARTTLS", True),
    ("helo", "AUTH", False),
    ("ehlo", "AUTH", True),
    ("ehlo", "STARTTLS", True),
    ("mail", "AUTH", False),
    ("mail", "STARTTLS", False),
    ("rcpt", "AUTH", False),
    ("bdat", "STARTTLS", False),
]


@pytest.mark.parametrize(("state", "verb", "permitted"), PERMITS)
def test_when_the_membrane_may_take_over(connect: Connect, state: str, verb: str, *, permitted: bool) -> None:
    """AUTH comes after EHLO, and nothing of the membrane's inside a transaction (RFC 4954 4)."""
    client = connect()
    client.ask(*STATES[state])
    assert client.session.permits(Command(verb=verb)) is permitted


def test_authentication_happens_once(connect: Connect) -> None:
    """A second AUTH is not permitted (RFC 4954 4)."""
    client = connect("submission", mechanisms=("PLAIN",))
    client.ask("EHLO x")
    client.log_in()
    assert not client.session.permits(Command(verb="AUTH"))


ENVELOPES = [
    ("smtp", "HELO", False, False, "", "SMTP"),
    ("smtp", "EHLO", False, False, "", "ESMTP"),
    ("smtp", "EHLO", True, False, "", "ESMTPS"),
    ("submission", "EHLO", False, True, "", "ESMTPA"),
    ("submissions", "EHLO", True, True, "", "ESMTPSA"),
    ("submissions", "EHLO", True, True, " SMTPUTF8", "UTF8SMTPSA"),
    ("lmtp", "LHLO", False, False, "", "LMTP"),
    ("lmtp", "LHLO", True, False, " SMTPUTF8", "UTF8LMTPS"),
]


@pytest.mark.parametrize(("service", "hello", "secure", "login", "parameters", "protocol"), ENVELOPES)
def test_envelope_tells_how_the_message_came(
    connect: Connect,
    mailroom: Mailroom,
    service: str,
    hello: str,
    parameters: str,
    protocol: str,
    *,
    secure: bool,
    login: bool,
) -> None:
    """The delivery learns who sent what, over which service, and the transmission type of RFC 3848 and RFC 6531."""
    client = connect(service, secure=secure)
    client.ask(f"{hello} client.test")
    if login:
        client.log_in()
    client.ask(f"MAIL FROM:<a@b>{parameters}", "RCPT TO:<c@d>", "DATA", ".")
    ((envelope, _),) = mailroom.delivered
    assert envelope.protocol == protocol
    assert (envelope.service, envelope.peer, envelope.helo) == (service, "127.0.0.9", "client.test")
    assert envelope.account == ("alice" if login else "")
    assert envelope.sender == "a@b"


def test_dsn_parameters_reach_the_envelope_as_sent(client: Client, mailroom: Mailroom) -> None:
    """RET, ENVID, NOTIFY and ORCPT are stored with their recipient, case and xtext untouched (RFC 3461)."""
    client.ask(
        "MAIL FROM:<> ret=hdrs ENVID=Ab+2BcD SIZE=3",
        "RCPT TO:<c@d> NOTIFY=SUCCESS,Failure ORCPT=rfc822;C+2Bx@D",
        "RCPT TO:<e@f>",
        "DATA",
        ".",
    )
    ((envelope, _),) = mailroom.delivered
    assert envelope.parameters == {"RET": "hdrs", "ENVID": "Ab+2BcD", "SIZE": "3"}
    assert [dict(recipient.parameters) for recipient in envelope.recipients] == [
        {"NOTIFY": "SUCCESS,Failure", "ORCPT": "rfc822;C+2Bx@D"},
        {},
    ]


def test_next_transaction_starts_from_nothing(client: Client, mailroom: Mailroom) -> None:
    """Nothing of a transaction is left in the next one."""
    client.ask("MAIL FROM:<a@b> ENVID=x", "RCPT TO:<c@d>", "BDAT 0 LAST")
    client.ask("MAIL FROM:<>", "RCPT TO:<e@f>", "DATA", "hi", ".")
    envelope, content = mailroom.delivered[1]
    assert (envelope.sender, dict(envelope.parameters), content) == ("", {}, b"hi\r\n")
    assert [recipient.address for recipient in envelope.recipients] == ["e@f"]


def test_disconnection_forgets_the_transaction(client: Client, mailroom: Mailroom) -> None:
    """A client that goes away in the middle leaves nothing behind."""
    client.ask("MAIL FROM:<a@b>", "RCPT TO:<c@d>", "BDAT 0")
    client.session.disconnected()
    assert mailroom.delivered == []
    assert list(client.session.unsolicited()) == []
    assert client.codes("BDAT 0 LAST") == ["503 5.5.1"]


def test_every_mail_service_is_served(connect: Connect) -> None:
    """Each service whose protocol is SMTP or LMTP has a session that greets."""
    for name, service in SERVICES.items():
        if service.protocol in {"smtp", "lmtp"}:
            assert connect(name).session.greeting().code == "220"


def test_declared_size_is_checked_for_each_recipient(client: Client, mailroom: Mailroom) -> None:
    """The delivery hears the size MAIL declared when it is asked for a recipient (RFC 1870 6.1)."""
    client.ask("MAIL FROM:<a@b> SIZE=4711", "RCPT TO:<c@d>", "RSET", "MAIL FROM:<a@b>", "RCPT TO:<c@d>")
    assert mailroom.sizes == [4711, 0]
