"""Each kind over an honest exchange: what the client gets, in the words of each protocol."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from labserver.dialogues.exchange import Await, Command, LoginFailure, Preauthenticate, Reply
from labserver.misbehaviours.chain import Chain, Tell
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.presentation import Presentation
from labserver.misbehaviours.table import AXES, KINDS
from labserver.misbehaviours.words import Lines, Octets, Words
from labserver.tls.client_hello import ClientHello
from labserver.wire.actions import Abort, Close, Hold, Pace, Pause, StartTls
from labserver.wire.framing import Framed
from tests.misbehaviours.stage import LINE, Honest, command, dialogue_of, moment, played, raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from labserver.misbehaviours.base import Misbehaviour, Said, Step
    from labserver.misbehaviours.moment import Moment


def _read(kind: type[Any], value: object) -> Any:  # noqa: ANN401 -- msgspec's hook
    return kind.read(value)


def made(kind: str, **fields: Any) -> Misbehaviour:  # noqa: ANN401 -- a table's values
    """Return a misbehaviour as a table gives it."""
    return msgspec.convert({"kind": kind, **fields}, KINDS[kind], dec_hook=_read)


def _ok(text: bytes = b"done") -> dict[str, Reply]:
    return {
        "smtp": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "lmtp": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "submission": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "imap": Reply.completion(b"a1 OK %b\r\n" % text, "OK"),
        "pop3": Reply.completion(b"+OK %b\r\n" % text, "+OK"),
    }


OK = _ok()
LISTED = Reply.untagged(b"* LIST () NIL x\r\n")
TURN = {
    "smtp": Reply.continuation(b"334 eA==\r\n", "334"),
    "imap": Reply.continuation(b"+ eA==\r\n"),
    "pop3": Reply.continuation(b"+ eA==\r\n"),
}
MAIL_TURN = Reply.continuation(b"354 go on\r\n", "354")
GREETINGS = {
    "smtp": Reply.greeting(b"220 lab.test ESMTP\r\n", "220"),
    "imap": Reply.greeting(b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n", "OK"),
    "pop3": Reply.greeting(b"+OK ready\r\n", "+OK"),
}
LONG = Reply.untagged(b"* 1 FETCH (BODY[] {12}\r\n", (b"Subject: x\r", b"\nz\r\n", b")\r", b"\n"))


def through(
    link: Misbehaviour, here: Moment, honest: Sequence[Step], occasion: Occasion = Occasion.COMMAND
) -> list[Step]:
    """Return what comes out of a chain of one link."""
    return played(Chain([link]).wrap(occasion, Honest(honest).run(), here))


def _steps(out: Sequence[Step]) -> list[object]:
    """Return replies as their octets, whatever else comes out as it is, and no tells."""
    return [raw([step]) if isinstance(step, Reply) else step for step in out if not isinstance(step, Tell)]


# kind, fields, service, command line, what is honest, what comes out
ROWS: list[tuple[str, dict[str, Any], str, bytes, Sequence[Step], list[object]]] = [
    ("answer", {"send": "<tag> NO no"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 NO no\r\n"]),
    ("answer", {"octets": "25"}, "smtp", b"NOOP", [OK["smtp"]], [b"25"]),
    ("answer", {"send": ["250-a", "550 b"]}, "smtp", b"NOOP", [OK["smtp"]], [b"250-a\r\n550 b\r\n"]),
    ("silence", {}, "smtp", b"NOOP", [OK["smtp"]], []),
    ("refuse", {}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"450 4.2.0 Temporary failure, try again later\r\n"]),
    ("refuse", {"how": "permanent"}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"550 5.7.1 Refused\r\n"]),
    ("refuse", {"text": "no"}, "smtp", b"DATA", [OK["smtp"]], [b"451 4.3.0 no\r\n"]),
    ("refuse", {"how": "permanent"}, "smtp", b"NOOP", [OK["smtp"]], [b"554 5.3.0 Refused\r\n"]),
    ("refuse", {"how": "unknown"}, "smtp", b"VRFY", [OK["smtp"]], [b"500 5.5.1 Command VRFY not recognized\r\n"]),
    (
        "refuse",
        {},
        "smtp",
        b"AUTH PLAIN x",
        [OK["smtp"]],
        [b"454 4.7.0 Temporary failure, try again later\r\n"],
    ),
    (
        "refuse",
        {"how": "permanent"},
        "smtp",
        b"AUTH PLAIN x",
        [OK["smtp"]],
        [b"535 5.7.8 Authentication credentials invalid\r\n"],
    ),
    ("refuse", {"text": "x", "how": "permanent"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 NO [CANNOT] x\r\n"]),
    ("refuse", {"text": "x"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 NO [UNAVAILABLE] x\r\n"]),
    ("refuse", {"how": "unknown"}, "imap", b"a1 SELECT y", [OK["imap"]], [b"a1 BAD Unknown command\r\n"]),
    ("refuse", {"text": "x", "close": True}, "pop3", b"STAT", [OK["pop3"]], [b"-ERR [SYS/TEMP] x\r\n", Close()]),
    ("refuse", {"how": "permanent"}, "pop3", b"PASS x", [OK["pop3"]], [b"-ERR [AUTH] Authentication failed\r\n"]),
    ("reply", {"send": "<tag> NO no"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED]), b"a1 NO no\r\n"]),
    ("reply", {"octets": "x", "of": "first"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [b"x", raw([OK["imap"]])]),
    ("reply", {"code": "550"}, "smtp", b"NOOP", [OK["smtp"]], [b"550 done\r\n"]),
    ("reply", {"code": "251"}, "smtp", b"NOOP", [OK["smtp"]], [b"251 2.0.0 done\r\n"]),
    ("reply", {"text": "no"}, "smtp", b"NOOP", [OK["smtp"]], [b"250 no\r\n"]),
    ("reply", {"text": "no", "code": "550"}, "smtp", b"NOOP", [OK["smtp"]], [b"550 no\r\n"]),
    (
        "reply",
        {"code": "550"},
        "smtp",
        b"EHLO x",
        [Reply.completion(b"250-a\r\n250 b\r\n", "250")],
        [b"550-a\r\n550 b\r\n"],
    ),
    ("reply", {"code": "NO"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 NO done\r\n"]),
    ("reply", {"text": "x", "code": "BAD"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 BAD x\r\n"]),
    ("reply", {"code": "NO", "of": "every"}, "imap", b"a1 NOOP", [LISTED], [raw([LISTED])]),
    ("reply", {"code": "-ERR"}, "pop3", b"NOOP", [OK["pop3"]], [b"-ERR done\r\n"]),
    ("reply", {"text": "x"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK x\r\n"]),
    ("reply", {"code": "550"}, "smtp", b"NOOP", [Reply.completion(b"what\r\n")], [b"what\r\n"]),
    (
        "insert",
        {"send": "* 1 EXPUNGE"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [raw([LISTED]), b"* 1 EXPUNGE\r\n", raw([OK["imap"]])],
    ),
    (
        "insert",
        {"octets": "250-fo", "where": "behind"},
        "smtp",
        b"NOOP",
        [OK["smtp"]],
        [raw([OK["smtp"]]), b"250-fo"],
    ),
    ("drop", {}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED])]),
    ("drop", {"of": "untagged"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([OK["imap"]])]),
    (
        "drop",
        {"of": "continuation"},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [Await.line(), raw([OK["imap"]])],
    ),
    ("repeat", {"times": 3}, "pop3", b"NOOP", [OK["pop3"]], [raw([OK["pop3"]])] * 3),
    ("delay", {"seconds": 2}, "pop3", b"NOOP", [OK["pop3"]], [Pause(2.0), raw([OK["pop3"]])]),
    (
        "delay",
        {"seconds": 2, "before": "end"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [raw([LISTED]), Pause(2.0), raw([OK["imap"]])],
    ),
    (
        "delay",
        {"seconds": 2, "before": "replies"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [Pause(2.0), raw([LISTED]), Pause(2.0), raw([OK["imap"]])],
    ),
    ("stall", {"seconds": 9}, "pop3", b"NOOP", [OK["pop3"]], [Pause(9.0), Close()]),
    ("stall", {"seconds": 9, "then": "answer"}, "pop3", b"NOOP", [OK["pop3"]], [Pause(9.0), raw([OK["pop3"]])]),
    ("hold", {"seconds": 9}, "pop3", b"NOOP", [OK["pop3"]], [Hold(9.0), raw([OK["pop3"]])]),
    ("drip", {"size": 2}, "pop3", b"NOOP", [OK["pop3"]], [Pace(size=2, seconds=1.0), raw([OK["pop3"]]), Pace()]),
    ("segments", {}, "pop3", b"NOOP", [OK["pop3"]], [Pace(size=1), raw([OK["pop3"]]), Pace()]),
    (
        "segments",
        {"cut": "inside-crlf"},
        "pop3",
        b"NOOP",
        [OK["pop3"]],
        [Pace(behind=b"\r"), raw([OK["pop3"]]), Pace()],
    ),
    ("segments", {"cut": "line"}, "pop3", b"NOOP", [OK["pop3"]], [Pace(behind=b"\n"), raw([OK["pop3"]]), Pace()]),
    ("end", {}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [Close()]),
    ("end", {"how": "rst", "after": "reply"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED]), Abort()]),
    ("end", {"how": "half", "after": "half"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 OK ", Close(half=True)]),
    ("end", {"after": "half"}, "imap", b"a1 FETCH 1 BODY[]", [LONG], [LONG.raw + b"Subje", Close()]),
    (
        "end",
        {"how": "no-close-notify", "after": "continuation"},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Close(notify=False)],
    ),
    (
        "end",
        {"after": "taken", "say": "421 bye"},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Await.data(9), b"421 bye\r\n", Close()],
    ),
    ("end", {"after": "taken"}, "imap", b"a1 NOOP", [OK["imap"]], [raw([OK["imap"]]), Close()]),
    (
        "farewell",
        {},
        "smtp",
        b"NOOP",
        [OK["smtp"]],
        [b"421 4.3.2 Shutting down, closing the connection\r\n", Close()],
    ),
    (
        "farewell",
        {"reason": "idle", "after": "continuation"},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [raw([TURN["imap"]]), b"* BYE Idle too long\r\n", Close()],
    ),
    (
        "farewell",
        {"reason": "errors"},
        "pop3",
        b"NOOP",
        [OK["pop3"]],
        [b"-ERR [SYS/PERM] Too many errors, closing the connection\r\n", Close()],
    ),
    ("upgrade-refused", {}, "smtp", b"NOOP", [OK["smtp"]], [raw([OK["smtp"]])]),
    (
        "upgrade-refused",
        {"how": "permanent", "close": True},
        "smtp",
        b"STARTTLS",
        [OK["smtp"], StartTls()],
        [b"502 5.5.1 Refused\r\n", Close()],
    ),
    ("upgrade-pretended", {}, "imap", b"a1 STARTTLS", [OK["imap"], StartTls()], [raw([OK["imap"]])]),
    (
        "upgrade-pretended",
        {},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [raw([TURN["imap"]]), Await.line(), raw([OK["imap"]])],
    ),
    (
        "injection",
        {"payload": "half-line"},
        "smtp",
        b"STARTTLS",
        [OK["smtp"], StartTls()],
        [raw([OK["smtp"]]), b"250-AUTH PLAIN X-INJECTED ", StartTls()],
    ),
    (
        "injection",
        {"payload": "half-line"},
        "pop3",
        b"STLS",
        [OK["pop3"], StartTls()],
        [raw([OK["pop3"]]), b"+OK injected ", StartTls()],
    ),
    (
        "injection",
        {"payload": "half-line", "apart": 0.5},
        "imap",
        b"a1 STARTTLS",
        [OK["imap"], StartTls()],
        [raw([OK["imap"]]), Pause(0.5), b"* CAPABILITY IMAP4rev1 AUTH=PLAIN X-INJECTED ", StartTls()],
    ),
    (
        "injection",
        {"send": "* BYE <tag+1>", "where": "before"},
        "imap",
        b"a1 STARTTLS",
        [OK["imap"], StartTls()],
        [b"* BYE a2\r\n", raw([OK["imap"]]), StartTls()],
    ),
    ("injection", {}, "imap", b"a1 NOOP", [OK["imap"]], [raw([OK["imap"]])]),
    (
        "login-unasked",
        {},
        "imap",
        b"a1 AUTHENTICATE SCRAM-SHA-256",
        [OK["imap"]],
        [Preauthenticate(), b"a1 OK Authenticated\r\n"],
    ),
    (
        "login-unasked",
        {},
        "smtp",
        b"AUTH PLAIN",
        [OK["smtp"]],
        [Preauthenticate(), b"235 2.7.0 Authentication successful\r\n"],
    ),
    ("login-unasked", {}, "pop3", b"APOP x y", [OK["pop3"]], [Preauthenticate(), b"+OK Authenticated\r\n"]),
    ("login-unasked", {}, "pop3", b"NOOP", [OK["pop3"]], [raw([OK["pop3"]])]),
    (
        "data-refused",
        {},
        "smtp",
        b"DATA",
        [MAIL_TURN, Await.data(9), OK["smtp"]],
        [raw([MAIL_TURN]), Await.data(9), b"451 4.3.0 Temporary failure, try again later\r\n"],
    ),
    (
        "data-refused",
        {"how": "permanent", "text": "no", "close": True},
        "smtp",
        b"BDAT 3 LAST",
        [Await.chunk(3, 9), OK["smtp"]],
        [Await.chunk(3, 9), b"554 5.3.0 no\r\n", Close()],
    ),
    ("data-refused", {}, "smtp", b"DATA", [OK["smtp"]], [raw([OK["smtp"]])]),
    ("quota-full", {}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"452 4.2.2 Mailbox full\r\n"]),
    ("quota-full", {"how": "permanent"}, "smtp", b"RCPT TO:<a@b>", [OK["smtp"]], [b"552 5.2.2 Mailbox full\r\n"]),
    ("quota-full", {}, "imap", b"a1 APPEND x", [OK["imap"]], [b"a1 NO [OVERQUOTA] Mailbox full\r\n"]),
    ("quota-full", {}, "smtp", b"NOOP", [OK["smtp"]], [raw([OK["smtp"]])]),
    (
        "uidvalidity",
        {"add": 5},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* OK [UIDVALIDITY 10] x\r\n"), OK["imap"]],
        [b"* OK [UIDVALIDITY 15] x\r\n", raw([OK["imap"]])],
    ),
    (
        "uidvalidity",
        {"value": 0},
        "imap",
        b"a1 STATUS x",
        [Reply.untagged(b"* STATUS x (UIDVALIDITY 10 UIDNEXT 4)\r\n")],
        [b"* STATUS x (UIDVALIDITY 0 UIDNEXT 4)\r\n"],
    ),
    (
        "uidvalidity",
        {"add": 5, "each": "session"},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* OK [UIDVALIDITY 10] x\r\n")],
        [b"* OK [UIDVALIDITY 15] x\r\n"],
    ),
    ("exists", {"add": -9}, "imap", b"a1 NOOP", [Reply.untagged(b"* 3 EXISTS\r\n")], [b"* 0 EXISTS\r\n"]),
    (
        "exists",
        {"value": 7},
        "imap",
        b"a1 SELECT x",
        [Reply.untagged(b"* 3 EXISTS\r\n* 0 RECENT\r\n")],
        [b"* 7 EXISTS\r\n* 0 RECENT\r\n"],
    ),
    (
        "literal-length",
        {"add": 10},
        "imap",
        b"a1 FETCH 1 BODY[]",
        [LONG],
        [b"* 1 FETCH (BODY[] {22}\r\nSubject: x\r\nz\r\n)\r\n"],
    ),
    (
        "literal-length",
        {"value": -1},
        "imap",
        b"a1 FETCH 1 BODY[]",
        [LONG],
        [b"* 1 FETCH (BODY[] {-1}\r\nSubject: x\r\nz\r\n)\r\n"],
    ),
    ("line-ends", {}, "imap", b"a1 FETCH 1 BODY[]", [LONG], [b"* 1 FETCH (BODY[] {12}\nSubject: x\nz\n)\n"]),
    ("line-ends", {"ends": "cr"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\r"]),
    ("line-ends", {"ends": "cr-cr-lf"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\r\r\n"]),
    ("line-ends", {"ends": "lf-cr"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\n\r"]),
    ("line-ends", {"ends": "nul"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done\0\r\n"]),
    ("line-ends", {"ends": "none"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK done"]),
]


@pytest.mark.parametrize(
    ("kind", "fields", "service", "line", "honest", "out"),
    ROWS,
    ids=[f"{row[0]}-{row[2]}-{place}" for place, row in enumerate(ROWS)],
)
def test_over_a_command(
    kind: str, fields: dict[str, Any], service: str, line: bytes, honest: Sequence[Step], out: list[object]
) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    here = moment(service, command(service, line))
    steps = through(made(kind, **fields), here, honest)
    assert _steps(steps) == out
    assert (Tell(kind, 0) in steps) == (out != _steps(honest))


# kind, fields, service, what comes out instead of the honest greeting
GREETED: list[tuple[str, dict[str, Any], str, list[object]]] = [
    ("answer", {"send": "554 no"}, "smtp", [b"554 no\r\n"]),
    ("silence", {}, "imap", []),
    ("refuse", {"text": "x"}, "smtp", [b"421 4.3.2 x\r\n"]),
    ("refuse", {"text": "x", "how": "permanent", "close": True}, "smtp", [b"554 5.3.2 x\r\n", Close()]),
    ("refuse", {"text": "x"}, "imap", [b"* BYE x\r\n"]),
    ("refuse", {"text": "x"}, "pop3", [b"-ERR [SYS/TEMP] x\r\n"]),
    ("refuse", {"how": "unknown"}, "imap", [b"* BAD Unknown command\r\n"]),
    ("reply", {"code": "NO"}, "imap", [b"* NO [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"]),
    ("repeat", {}, "pop3", [b"+OK ready\r\n"] * 2),
    ("insert", {"send": "garbage"}, "imap", [b"garbage\r\n", raw([GREETINGS["imap"]])]),
    ("drip", {}, "smtp", [Pace(size=1, seconds=1.0), raw([GREETINGS["smtp"]]), Pace()]),
    ("end", {"how": "rst"}, "smtp", [Abort()]),
    ("end", {"how": "rst", "after": "reply"}, "smtp", [raw([GREETINGS["smtp"]]), Abort()]),
    ("foreign-greeting", {"protocol": "ssh"}, "smtp", [b"SSH-2.0-OpenSSH_9.2\r\n"]),
    ("foreign-greeting", {"protocol": "tls-alert"}, "imap", [b"\x15\x03\x01\x00\x02\x02\x28"]),
    ("tagged-greeting", {}, "imap", [b"A1 OK ready\r\n"]),
    (
        "tagged-greeting",
        {"tags": ["a", "b"], "greets": True},
        "imap",
        [raw([GREETINGS["imap"]]), b"a OK ready\r\nb OK ready\r\n"],
    ),
    ("endless-greeting", {"octets": 1000}, "smtp", [b"220-Still greeting\r\n" * 50]),
    ("endless-greeting", {"octets": 1000}, "imap", [b"* OK Still greeting\r\n" * 47]),
    ("endless-greeting", {"octets": 1000}, "pop3", [b"+OK Still greeting\r\n" * 50]),
    (
        "capabilities",
        {"hide": ["STARTTLS"]},
        "imap",
        [b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"],
    ),
    ("mechanisms", {"only": ["X"]}, "imap", [b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=X] ready\r\n"]),
    ("preauth", {}, "imap", [Preauthenticate(), b"* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"]),
]


@pytest.mark.parametrize(
    ("kind", "fields", "service", "out"),
    GREETED,
    ids=[f"{row[0]}-{row[2]}-{place}" for place, row in enumerate(GREETED)],
)
def test_over_the_greeting(kind: str, fields: dict[str, Any], service: str, out: list[object]) -> None:
    """What a client gets first."""
    link = made(kind, when={"on": "greeting"}, **fields)
    steps = through(link, moment(service), [GREETINGS[service]], Occasion.GREETING)
    assert _steps(steps) == out
    assert Tell(kind, 0) in steps


EHLO = b"250-lab.test\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 AUTH SCRAM-SHA-256 PLAIN\r\n"
CAPABILITY = b"* CAPABILITY IMAP4rev1 STARTTLS AUTH=SCRAM-SHA-256 AUTH=PLAIN IDLE\r\n"
CAPA = b"+OK list\r\nTOP\r\nSTLS\r\nSASL SCRAM-SHA-256 PLAIN\r\n.\r\n"
LISTS = {
    "smtp": (b"EHLO x", Reply.completion(EHLO, "250")),
    "imap": (b"a1 CAPABILITY", Reply.untagged(CAPABILITY)),
    "pop3": (b"CAPA", Reply.completion(CAPA, "+OK")),
}
LISTED_AS: list[tuple[str, dict[str, Any], str, bytes]] = [
    ("capabilities", {"hide": ["starttls"]}, "smtp", EHLO.replace(b"250-STARTTLS\r\n", b"")),
    ("capabilities", {"hide": ["STARTTLS"]}, "imap", CAPABILITY.replace(b" STARTTLS", b"")),
    ("capabilities", {"hide": ["STARTTLS"]}, "pop3", CAPA.replace(b"STLS\r\n", b"")),
    ("capabilities", {"rename": {"STARTTLS": "XXXXXXXA"}}, "smtp", EHLO.replace(b"STARTTLS", b"XXXXXXXA")),
    ("capabilities", {"rename": {"STARTTLS": "XTLS"}}, "pop3", CAPA.replace(b"STLS", b"XTLS")),
    ("capabilities", {"add": ["LOGINDISABLED"]}, "imap", CAPABILITY.replace(b" IDLE", b" IDLE LOGINDISABLED")),
    ("capabilities", {"hide": ["AUTH*"]}, "imap", b"* CAPABILITY IMAP4rev1 STARTTLS IDLE\r\n"),
    ("capabilities", {"only": []}, "smtp", b"250 lab.test\r\n"),
    ("capabilities", {"only": ["STARTTLS", "X"]}, "pop3", b"+OK list\r\nSTLS\r\nX\r\n.\r\n"),
    ("mechanisms", {"hide": ["SCRAM-*"]}, "smtp", EHLO.replace(b" SCRAM-SHA-256", b"")),
    ("mechanisms", {"hide": ["SCRAM-*"]}, "imap", CAPABILITY.replace(b" AUTH=SCRAM-SHA-256", b"")),
    ("mechanisms", {"hide": ["*"]}, "pop3", CAPA.replace(b"SASL SCRAM-SHA-256 PLAIN\r\n", b"")),
    ("mechanisms", {"only": ["A", "B"]}, "smtp", EHLO.replace(b"SCRAM-SHA-256 PLAIN", b"A B")),
    ("mechanisms", {"add": ["X"]}, "imap", CAPABILITY.replace(b"AUTH=PLAIN", b"AUTH=PLAIN AUTH=X")),
    ("mechanisms", {"add": ["X"]}, "pop3", CAPA.replace(b"PLAIN", b"PLAIN X")),
]


@pytest.mark.parametrize(
    ("kind", "fields", "service", "out"),
    LISTED_AS,
    ids=[f"{row[0]}-{row[2]}-{place}" for place, row in enumerate(LISTED_AS)],
)
def test_lists(kind: str, fields: dict[str, Any], service: str, out: bytes) -> None:
    """A list of capabilities has what is said of it, in each protocol's spelling."""
    line, honest = LISTS[service]
    steps = through(made(kind, **fields), moment(service, command(service, line)), [honest])
    assert _steps(steps) == [out]
    assert Tell(kind, 0) in steps


@pytest.mark.parametrize("kind", ["capabilities", "mechanisms"])
@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_what_lists_nothing_is_honest(kind: str, service: str) -> None:
    """Any other reply is the honest one itself, and nothing is told."""
    link = made(kind, add=["X"])
    assert through(link, moment(service, command(service, b"NOOP")), [OK[service]]) == [OK[service]]


MASKED: dict[str, tuple[str, dict[str, Any], bytes, bytes, bytes]] = {
    "a code": ("reply", {"code": "NO"}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 NO ****\r\n"),
    "a text": ("reply", {"text": "x"}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 OK x\r\n"),
    "half": ("end", {"after": "half"}, b"a1 OK secretsecret\r\n", b"a1 OK ****\r\n", b"a1 OK "),
    "a number": (
        "exists",
        {"add": 1},
        b"x secret\r\n* 1 EXISTS\r\n",
        b"x ****\r\n* 1 EXISTS\r\n",
        b"x ****\r\n* 2 EXISTS\r\n",
    ),
    "line ends": ("line-ends", {}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 OK ****\n"),
}


@pytest.mark.parametrize(("kind", "fields", "octets", "masked", "shown"), MASKED.values(), ids=MASKED)
def test_what_is_masked_stays_masked(
    kind: str, fields: dict[str, Any], octets: bytes, masked: bytes, shown: bytes
) -> None:
    """A changed reply shows no more in the transcript than the honest one."""
    honest = replace(Reply.completion(octets, "OK"), masked=masked)
    steps = through(made(kind, **fields), moment("imap", command("imap", b"a1 NOOP")), [honest])
    (reply,) = [one for one in steps if isinstance(one, Reply)]
    assert reply.masked == shown


def test_one_reply_late() -> None:
    """Each end of a command is said in the place of the next one, in its session."""
    chain = Chain([made("late")])
    here, other = moment("pop3"), moment("pop3")
    said = []
    for number in range(3):
        here.asks(command("pop3", b"NOOP"))
        said.append(raw(played(chain.wrap(Occasion.COMMAND, Honest([_ok(b"%d" % number)["pop3"]]).run(), here))))
    assert said == [b"", b"+OK 0\r\n", b"+OK 1\r\n"]
    other.asks(command("pop3", b"NOOP"))
    assert raw(played(chain.wrap(Occasion.COMMAND, Honest([OK["pop3"]]).run(), other))) == b""


def test_unsolicited_replies_are_all_meant() -> None:
    """What nobody asked for has no end; ``of = "end"`` is all of it."""
    link = made("insert", when={"on": "unsolicited"}, send="* 9 EXPUNGE")
    exists = Reply.untagged(b"* 4 EXISTS\r\n")
    assert raw(through(link, moment("imap"), [exists], Occasion.UNSOLICITED)) == b"* 9 EXPUNGE\r\n* 4 EXISTS\r\n"


# SASL

_FIRST = b"r=clientnonce" + b"S" * 24 + b",s=c2FsdA==,i=4096"


def _scram(service: str) -> list[Step]:
    spell = dialogue_of(service)
    return [
        spell.challenge(_FIRST),
        Await.line(),
        spell.challenge(b"v=Abc="),
        Await.line(),
        OK[service],
    ]


def _challenges(steps: Sequence[Step], service: str) -> list[bytes]:
    prefix = b"334 " if service == "smtp" else b"+ "
    said = [step.raw for step in steps if isinstance(step, Reply)]
    return [base64.b64decode(one[len(prefix) :]) for one in said if one.startswith(prefix)]


PROOFS = {"wrong": b"v=Bbc=", "empty": b"", "error": b"e=other-error"}


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("how", PROOFS)
def test_proofs(service: str, how: str) -> None:
    """The signature differs, and success is claimed."""
    verb = b"a1 AUTHENTICATE X" if service == "imap" else b"AUTH X"
    steps = through(made("proof", how=how), moment(service, command(service, verb)), _scram(service))
    assert _challenges(steps, service) == [_FIRST, PROOFS[how]]
    assert OK[service] in steps


def test_a_missing_proof() -> None:
    """The honest server believes that its last challenge was answered; the client has never seen it."""
    honest = Honest(_scram("imap"))
    here = moment("imap", command("imap", b"a1 AUTHENTICATE X"))
    steps = played(Chain([made("proof", how="missing")]).wrap(Occasion.COMMAND, honest.run(), here))
    assert _challenges(steps, "imap") == [_FIRST]
    assert [one for one in steps if isinstance(one, Await)] == [Await.line()]
    assert honest.heard == [LINE, Framed(parts=(b"",), raw=b"\r\n")]
    assert honest.finished


SCRAM_FIRSTS: dict[str, tuple[dict[str, Any], bytes]] = {
    "few": ({"iterations": 1}, _FIRST.replace(b"4096", b"1")),
    "unextended": ({"nonce": "unextended"}, _FIRST.replace(b"S" * 24, b"")),
    "replaced": ({"nonce": "replaced"}, b"r=" + b"x" * 35 + b",s=c2FsdA==,i=4096"),
    "empty": ({"nonce": "empty", "salt": "empty"}, b"r=,s=,i=4096"),
    "salt": ({"salt": "malformed"}, _FIRST.replace(b"c2FsdA==", b"!!!")),
    "extension": ({"extension": True}, b"m=lab," + _FIRST),
}


@pytest.mark.parametrize(("fields", "first"), SCRAM_FIRSTS.values(), ids=SCRAM_FIRSTS)
def test_scram(fields: dict[str, Any], first: bytes) -> None:
    """The first challenge differs and the transcript does not show the client's nonce."""
    here = moment("smtp", command("smtp", b"AUTH X"))
    steps = through(made("scram", **fields), here, _scram("smtp"))
    assert _challenges(steps, "smtp") == [first, b"v=Abc="]
    (changed,) = [one for one in steps if isinstance(one, Reply) and one.masked]
    assert b"clientnonce" not in base64.b64decode((changed.masked or b"")[4:])


def test_a_malformed_challenge() -> None:
    """It stands in the place of the one that is meant; the others are honest."""
    here = moment("imap", command("imap", b"a1 AUTHENTICATE X"))
    steps = through(made("challenge", text="!!! <tag>", number=2), here, _scram("imap"))
    assert _steps(steps)[2] == b"+ !!! a1\r\n"
    assert _steps(steps)[0] == raw([dialogue_of("imap").challenge(_FIRST)])
    assert _steps(through(made("challenge", text="x", number=9), here, _scram("imap"))) == _steps(_scram("imap"))


def test_a_long_challenge() -> None:
    """A challenge of a mebibyte is made while it leaves."""
    here = moment("smtp", command("smtp", b"AUTH X"))
    steps = through(made("challenge", text="<fill:QUJD*262144>"), here, _scram("smtp"))
    (long,) = [one for one in steps if isinstance(one, Reply) and one.rest]
    assert len(long.raw) < 100_000
    assert raw([long]) == b"334 " + b"QUJD" * 262_144 + b"\r\n"
    assert long.code == "334"


@pytest.mark.parametrize("service", ["smtp", "imap", "pop3"])
def test_endless_challenges(service: str) -> None:
    """They end when the client cancels, or after the most that there may be."""
    verb = b"a1 AUTHENTICATE PLAIN" if service == "imap" else b"AUTH PLAIN"
    here = moment(service, command(service, verb))
    spell = dialogue_of(service)
    link = made("endless-challenges", most=3)
    steps = through(link, here, [OK[service]])
    assert len([one for one in steps if isinstance(one, Await)]) == 3
    assert here.command is not None
    assert steps[-1] == spell.login_failed(here.command, LoginFailure.REJECTED)
    exchange = Chain([link]).wrap(Occasion.COMMAND, Honest([OK[service]]).run(), here)
    said: Said = None
    out: list[Step] = []
    while True:
        try:
            out.append(exchange.send(said))
        except StopIteration:
            break
        said = Framed(parts=(b"*",), raw=b"*\r\n") if isinstance(out[-1], Await) else None
    assert out[-1] == spell.login_failed(here.command, LoginFailure.CANCELLED)
    assert len(out) == 4


@pytest.mark.parametrize("line", [b"a1 NOOP", b"a1 AUTHENTICATE"])
def test_no_challenges_for_others(line: bytes) -> None:
    """Any other command is answered honestly."""
    assert through(made("endless-challenges"), moment("imap", command("imap", line)), [OK["imap"]]) == [OK["imap"]]


def test_beliefs() -> None:
    """Right credentials are wrong, or wrong ones right, under the same conditions as everything."""
    here = moment("imap", command("imap", b"a1 LOGIN x y"))
    refused = Chain([made("login-refused", when={"nth": "1-2"})])
    assert [refused.believes("x", True, here).right for _ in range(3)] == [False, False, True]  # noqa: FBT003 -- the hook's
    accepted = Chain([made("login-accepted")])
    assert accepted.believes("x", False, here).right  # noqa: FBT003 -- the same
    assert not accepted.believes("x", True, here).tells  # noqa: FBT003 -- the same


PRESENTED: dict[str, tuple[str, dict[str, Any], Presentation]] = {
    "a version": ("tls-version", {"version": "TLSv1.1"}, Presentation(minimum="TLSv1.1", maximum="TLSv1.1")),
    "SSL 3.0": ("tls-version", {"version": "SSLv3"}, Presentation(minimum="SSLv3", maximum="SSLv3")),
    "versions": ("tls-version", {"minimum": "TLSv1"}, Presentation(minimum="TLSv1")),
    "an old newest": ("tls-version", {"maximum": "TLSv1"}, Presentation(maximum="TLSv1")),
    "no answer": ("tls-stalled", {}, Presentation(stalled=True)),
    "old suites": ("tls-suites", {"ciphers": "RC4-SHA"}, Presentation(ciphers="RC4-SHA", maximum="TLSv1.2")),
    "new suites": (
        "tls-suites",
        {"suites": ["TLS_AES_128_CCM_8_SHA256"]},
        Presentation(suites=("TLS_AES_128_CCM_8_SHA256",), minimum="TLSv1.3"),
    ),
    "both": (
        "tls-suites",
        {"ciphers": "AES128-SHA", "suites": ["TLS_AES_128_GCM_SHA256"], "engine": "tlslite"},
        Presentation(ciphers="AES128-SHA", suites=("TLS_AES_128_GCM_SHA256",), engine="tlslite"),
    ),
    "groups": ("tls-groups", {"groups": ["X25519", "P-384"]}, Presentation(groups=("X25519", "P-384"))),
    "groups that TLS 1.3 does not have": (
        "tls-groups",
        {"groups": ["secp192r1", "secp256k1", "P-224"]},
        Presentation(groups=("secp192r1", "secp256k1", "P-224"), maximum="TLSv1.2"),
    ),
    "signatures": (
        "tls-signatures",
        {"signatures": ["RSA+SHA1", "rsa_pss_rsae_sha256"]},
        Presentation(signatures=("RSA+SHA1", "rsa_pss_rsae_sha256")),
    ),
    "signatures that TLS 1.3 does not have": (
        "tls-signatures",
        {"signatures": ["RSA+SHA1", "rsa_pkcs1_sha256"]},
        Presentation(signatures=("RSA+SHA1", "rsa_pkcs1_sha256"), maximum="TLSv1.2"),
    ),
    "a protocol": ("tls-alpn", {"protocol": "h2"}, Presentation(alpn="h2")),
    "no protocol": ("tls-alpn", {}, Presentation(alpn="")),
    "certificate asked": ("tls-client-certificate", {}, Presentation(client_certificate="asked")),
    "certificate required": (
        "tls-client-certificate",
        {"required": True},
        Presentation(client_certificate="required"),
    ),
}
HELLO = ClientHello(versions=(0x0304,), ciphers=(0x1301,), protocols=("imap",))


@pytest.mark.parametrize(("kind", "fields", "presentation"), PRESENTED.values(), ids=PRESENTED)
def test_handshakes(kind: str, fields: dict[str, Any], presentation: Presentation) -> None:
    """TLS is answered as the fields say, over what links before have said."""
    chain = Chain([made(kind, **fields)])
    assert chain.handshake(Presentation(), HELLO, moment()) == (presentation, (Tell(kind, 0),))
    before = Presentation(alpn="imap", groups=("P-521",))
    kept = chain.handshake(before, HELLO, moment())[0]
    assert kept.alpn == ("imap" if presentation.alpn is None else presentation.alpn)
    assert kept.groups == (presentation.groups or before.groups)


def test_alpn_unasked() -> None:
    """Who offers no protocol is answered without one, and has met nothing."""
    chain = Chain([made("tls-alpn", protocol="h2")])
    assert chain.handshake(Presentation(), replace(HELLO, protocols=()), moment()) == (Presentation(), ())


def test_suites_of_a_version() -> None:
    """Suites leave the versions alone that another link has set."""
    chain = Chain([made("tls-version", version="TLSv1"), made("tls-suites", ciphers="AES128-SHA")])
    expected = Presentation(minimum="TLSv1", maximum="TLSv1", ciphers="AES128-SHA")
    assert chain.handshake(Presentation(), HELLO, moment())[0] == expected


def test_records() -> None:
    """Everything leaves in pieces, from the first octet on."""
    assert Chain([made("records", size=7)]).below == (Pace(size=7), Tell("records", 0))


def test_withheld() -> None:
    """The oracle holds what is said inside TLS, and is no part of the fault."""
    chain = Chain([made("withhold")])
    assert _steps(played(chain.wrap(Occasion.SECURED, Honest([]).run(), moment()))) == [Hold(2.0)]
    assert chain.reach == frozenset()


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "nothing to say": ("answer", {}, "either send or octets"),
    "two things": ("insert", {"send": "a", "octets": "b"}, "either send or octets"),
    "the whole and a part": ("reply", {"send": "a", "code": "250"}, "use one or the other"),
    "no change": ("reply", {}, "needs send, octets, code or text"),
    "no list": ("capabilities", {}, "needs only, hide, rename or add"),
    "no mechanisms": ("mechanisms", {}, "needs only, hide or add"),
    "two payloads": ("injection", {"send": "a", "octets": "b"}, "either send or octets"),
    "apart before": ("injection", {"apart": 1, "where": "before"}, "apart has a meaning only"),
    "no scram": ("scram", {}, "needs iterations, nonce"),
    "unknown data": ("data-refused", {"how": "unknown"}, "temporary or permanent"),
    "unknown quota": ("quota-full", {"how": "unknown"}, "temporary or permanent"),
    "two numbers": ("exists", {"add": 1, "value": 1}, "either add or value"),
    "no number": ("uidvalidity", {}, "either add or value"),
    "no length": ("literal-length", {}, "either add or value"),
    "an empty range": ("tls-version", {"minimum": "TLSv1.3", "maximum": "TLSv1.2"}, "no version is at least TLSv1.3"),
    "no version": ("tls-version", {}, "either version or"),
    "two ways": ("tls-version", {"version": "TLSv1", "maximum": "TLSv1"}, "either version or"),
    "no suite": ("tls-suites", {}, "needs ciphers or suites"),
    "a suite for export": ("tls-suites", {"ciphers": "EXP-RC4-MD5"}, "openssl: .*; stdlib: .*; tlslite: .*EXP-RC4-MD5"),
    "RC4 by OpenSSL": ("tls-suites", {"ciphers": "RC4-SHA", "engine": "openssl"}, "openssl: OpenSSL serves no suite"),
    "no group": ("tls-groups", {"groups": []}, "length"),
    "an unknown group": ("tls-groups", {"groups": ["P-257"]}, "serves no group P-257"),
    "two weak groups": ("tls-groups", {"groups": ["dh512", "dh768"]}, "serves dh512 only without another"),
    "an unknown scheme": ("tls-signatures", {"signatures": ["RSA+SHA3"]}, r"serves no signature scheme RSA\+SHA3"),
    "nobody to judge": ("tls-client-certificate", {"engine": "tlslite"}, "the TLS library tlslite does not serve that"),
    "a line end in a line": ("refuse", {"text": "a\r\nb"}, "matching regex"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    with pytest.raises(msgspec.ValidationError, match=reason):
        made(kind, **fields)


class TestTable:
    """What every kind has."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_its_example_is_read(self, kind: str) -> None:
        """An example is a table that works; it names all of the class's conditions and fields that it needs."""
        link = made(kind, **KINDS[kind].example)
        assert link.kind == kind
        assert link.occasions <= link.possible or not link.possible

    def test_each_is_in_its_module(self) -> None:
        """The kinds of an axis are in its module, and the module has no others."""
        for module, kinds in AXES.items():
            assert {kind.__name__ for kind in kinds} == set(module.__all__)
            assert all(kind.__module__ == module.__name__ for kind in kinds)

    @pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
    def test_no_field_is_called_like_a_condition(self, kind: type[Misbehaviour]) -> None:
        """Conditions and fields share one namespace on the command line."""
        conditions = {field.encode_name for field in msgspec.structs.fields(made("silence").when)}
        assert conditions.isdisjoint(
            field.encode_name for field in msgspec.structs.fields(kind) if field.name != "when"
        )

    def test_values(self) -> None:
        """Texts are values of their own."""
        assert isinstance(Lines.read("a"), Words)
        assert isinstance(Octets.read("a"), Words)
        assert Command(verb="NOOP").verb
