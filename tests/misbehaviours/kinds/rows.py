"""Kinds of misbehaviour over honest exchanges: what goes in, what the client gets, in each protocol's words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pytest

from labserver.dialogues.exchange import Reply
from labserver.misbehaviours.chain import Chain, Tell
from labserver.misbehaviours.moment import Occasion
from labserver.misbehaviours.table import KINDS
from tests.misbehaviours.stage import Honest, command, moment, played, raw

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from labserver.misbehaviours.base import Misbehaviour, Step
    from labserver.misbehaviours.moment import Moment

__all__ = [
    "GREETINGS",
    "LISTED",
    "LONG",
    "MAIL_TURN",
    "OK",
    "TURN",
    "InCommand",
    "InGreeting",
    "made",
    "named",
    "over_a_command",
    "over_the_greeting",
    "plain",
    "refused",
    "stays_masked",
    "through",
]


class InCommand(NamedTuple):
    """What a kind makes of the answer to a command."""

    kind: str
    fields: dict[str, Any]
    service: str
    line: bytes
    honest: Sequence[Step]
    out: list[object]


class InGreeting(NamedTuple):
    """What a kind makes of the greeting."""

    kind: str
    fields: dict[str, Any]
    service: str
    out: list[object]


def _read(kind: type[Any], value: object) -> Any:  # noqa: ANN401 -- msgspec's hook
    return kind.read(value)


def made(kind: str, **fields: Any) -> Misbehaviour:  # noqa: ANN401 -- a table's values
    """Return a misbehaviour as a table gives it."""
    return msgspec.convert({"kind": kind, **fields}, KINDS[kind], dec_hook=_read)


def _ok(text: bytes) -> dict[str, Reply]:
    return {
        "smtp": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "lmtp": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "submission": Reply.completion(b"250 2.0.0 %b\r\n" % text, "250"),
        "imap": Reply.completion(b"a1 OK %b\r\n" % text, "OK"),
        "pop3": Reply.completion(b"+OK %b\r\n" % text, "+OK"),
    }


OK = _ok(b"done")
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


def plain(out: Sequence[Step]) -> list[object]:
    """Return replies as their octets, whatever else comes out as it is, and no tells."""
    return [raw([step]) if isinstance(step, Reply) else step for step in out if not isinstance(step, Tell)]


def named(rows: Iterable[InCommand | InGreeting]) -> list[Any]:
    """Return rows as parameters of a test, named by kind and service."""
    return [pytest.param(row, id=f"{row.kind}-{row.service}-{place}") for place, row in enumerate(rows)]


def over_a_command(row: InCommand) -> None:
    """Assert what the client gets, and that it is told exactly when it is not what is honest."""
    here = moment(row.service, command(row.service, row.line))
    steps = through(made(row.kind, **row.fields), here, row.honest)
    assert plain(steps) == row.out
    assert (Tell(row.kind, 0) in steps) == (row.out != plain(row.honest))


def over_the_greeting(row: InGreeting) -> None:
    """Assert what a client gets first."""
    link = made(row.kind, when={"on": "greeting"}, **row.fields)
    steps = through(link, moment(row.service), [GREETINGS[row.service]], Occasion.GREETING)
    assert plain(steps) == row.out
    assert Tell(row.kind, 0) in steps


def refused(kind: str, fields: dict[str, Any], reason: str) -> None:
    """Assert that what cannot be meant is refused when it is read."""
    with pytest.raises(msgspec.ValidationError, match=reason):
        made(kind, **fields)


def stays_masked(link: Misbehaviour, octets: bytes, masked: bytes, shown: bytes) -> None:
    """Assert that a changed reply shows no more in the transcript than the honest one."""
    honest = replace(Reply.completion(octets, "OK"), masked=masked)
    steps = through(link, moment("imap", command("imap", b"a1 NOOP")), [honest])
    (reply,) = [one for one in steps if isinstance(one, Reply)]
    assert reply.masked == shown
