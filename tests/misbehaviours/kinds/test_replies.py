"""Replies that are changed: what the client gets of each kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from labserver.dialogues.exchange import Await, Reply
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.moment import Occasion
from tests.misbehaviours.kinds.rows import (
    GREETINGS,
    LISTED,
    OK,
    TURN,
    InCommand,
    InGreeting,
    made,
    named,
    over_a_command,
    over_the_greeting,
    refused,
    stays_masked,
    through,
)
from tests.misbehaviours.stage import Honest, command, moment, played, raw

COMMANDS = [
    InCommand(
        "reply", {"send": "<tag> NO no"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED]), b"a1 NO no\r\n"]
    ),
    InCommand(
        "reply", {"octets": "x", "of": "first"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [b"x", raw([OK["imap"]])]
    ),
    InCommand("reply", {"code": "550"}, "smtp", b"NOOP", [OK["smtp"]], [b"550 done\r\n"]),
    InCommand("reply", {"code": "251"}, "smtp", b"NOOP", [OK["smtp"]], [b"251 2.0.0 done\r\n"]),
    InCommand("reply", {"text": "no"}, "smtp", b"NOOP", [OK["smtp"]], [b"250 no\r\n"]),
    InCommand("reply", {"text": "no", "code": "550"}, "smtp", b"NOOP", [OK["smtp"]], [b"550 no\r\n"]),
    InCommand(
        "reply",
        {"code": "550"},
        "smtp",
        b"EHLO x",
        [Reply.completion(b"250-a\r\n250 b\r\n", "250")],
        [b"550-a\r\n550 b\r\n"],
    ),
    InCommand("reply", {"code": "NO"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 NO done\r\n"]),
    InCommand("reply", {"text": "x", "code": "BAD"}, "imap", b"a1 NOOP", [OK["imap"]], [b"a1 BAD x\r\n"]),
    InCommand("reply", {"code": "NO", "of": "every"}, "imap", b"a1 NOOP", [LISTED], [raw([LISTED])]),
    InCommand("reply", {"code": "-ERR"}, "pop3", b"NOOP", [OK["pop3"]], [b"-ERR done\r\n"]),
    InCommand("reply", {"text": "x"}, "pop3", b"NOOP", [OK["pop3"]], [b"+OK x\r\n"]),
    InCommand("reply", {"code": "550"}, "smtp", b"NOOP", [Reply.completion(b"what\r\n")], [b"what\r\n"]),
    InCommand(
        "insert",
        {"send": "* 1 EXPUNGE"},
        "imap",
        b"a1 NOOP",
        [LISTED, OK["imap"]],
        [raw([LISTED]), b"* 1 EXPUNGE\r\n", raw([OK["imap"]])],
    ),
    InCommand(
        "insert",
        {"octets": "250-fo", "where": "behind"},
        "smtp",
        b"NOOP",
        [OK["smtp"]],
        [raw([OK["smtp"]]), b"250-fo"],
    ),
    InCommand("drop", {}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([LISTED])]),
    InCommand("drop", {"of": "untagged"}, "imap", b"a1 NOOP", [LISTED, OK["imap"]], [raw([OK["imap"]])]),
    InCommand(
        "drop",
        {"of": "continuation"},
        "imap",
        b"a1 IDLE",
        [TURN["imap"], Await.line(), OK["imap"]],
        [Await.line(), raw([OK["imap"]])],
    ),
    InCommand("repeat", {"times": 3}, "pop3", b"NOOP", [OK["pop3"]], [raw([OK["pop3"]])] * 3),
]


@pytest.mark.parametrize("row", named(COMMANDS))
def test_over_a_command(row: InCommand) -> None:
    """What the client gets, and that it is told exactly when it is not what is honest."""
    over_a_command(row)


GREETED = [
    InGreeting("reply", {"code": "NO"}, "imap", [b"* NO [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n"]),
    InGreeting("repeat", {}, "pop3", [b"+OK ready\r\n"] * 2),
    InGreeting("insert", {"send": "garbage"}, "imap", [b"garbage\r\n", raw([GREETINGS["imap"]])]),
]


@pytest.mark.parametrize("row", named(GREETED))
def test_over_the_greeting(row: InGreeting) -> None:
    """What a client gets first."""
    over_the_greeting(row)


def test_one_reply_late() -> None:
    """Each end of a command is said in the place of the next one, in its session."""
    chain = Chain([made("late")])
    here, other = moment("pop3"), moment("pop3")
    said = []
    for number in range(3):
        here.asks(command("pop3", b"NOOP"))
        said.append(
            raw(
                played(
                    chain.wrap(Occasion.COMMAND, Honest([replace(OK["pop3"], raw=b"+OK %d\r\n" % number)]).run(), here)
                )
            )
        )
    assert said == [b"", b"+OK 0\r\n", b"+OK 1\r\n"]
    other.asks(command("pop3", b"NOOP"))
    assert raw(played(chain.wrap(Occasion.COMMAND, Honest([OK["pop3"]]).run(), other))) == b""


def test_unsolicited_replies_are_all_meant() -> None:
    """What nobody asked for has no end; ``of = "end"`` is all of it."""
    link = made("insert", when={"on": "unsolicited"}, send="* 9 EXPUNGE")
    exists = Reply.untagged(b"* 4 EXISTS\r\n")
    assert raw(through(link, moment("imap"), [exists], Occasion.UNSOLICITED)) == b"* 9 EXPUNGE\r\n* 4 EXISTS\r\n"


MASKED: dict[str, tuple[str, dict[str, Any], bytes, bytes, bytes]] = {
    "a code": ("reply", {"code": "NO"}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 NO ****\r\n"),
    "a text": ("reply", {"text": "x"}, b"a1 OK secret\r\n", b"a1 OK ****\r\n", b"a1 OK x\r\n"),
}


@pytest.mark.parametrize(("kind", "fields", "octets", "masked", "shown"), MASKED.values(), ids=MASKED)
def test_what_is_masked_stays_masked(
    kind: str, fields: dict[str, Any], octets: bytes, masked: bytes, shown: bytes
) -> None:
    """A changed reply shows no more in the transcript than the honest one."""
    stays_masked(made(kind, **fields), octets, masked, shown)


MISTAKES: dict[str, tuple[str, dict[str, Any], str]] = {
    "two things": ("insert", {"send": "a", "octets": "b"}, "either send or octets"),
    "the whole and a part": ("reply", {"send": "a", "code": "250"}, "use one or the other"),
    "no change": ("reply", {}, "needs send, octets, code or text"),
}


@pytest.mark.parametrize(("kind", "fields", "reason"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(kind: str, fields: dict[str, Any], reason: str) -> None:
    """What cannot be meant is refused when it is read."""
    refused(kind, fields, reason)
