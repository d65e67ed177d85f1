"""Octets to commands: verb, tag and argument, as far as all protocols agree; splitting never fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.wire.framing import Framed
from tests.dialogues.conftest import AFTER, BEFORE

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue

_SPLIT = [
    # protocol, parts, tag, verb, argument
    ("smtp", [b"EHLO client.test"], b"", "EHLO", b"client.test"),
    ("smtp", [b"mail FROM:<a b@c>"], b"", "MAIL", b"FROM:<a b@c>"),
    ("smtp", [b"QUIT  "], b"", "QUIT", b""),
    ("smtp", [b" NOOP x"], b"", "NOOP", b"x"),
    ("smtp", [b""], b"", "", b""),
    ("smtp", [b"\xff\xfe x"], b"", "��", b"x"),
    ("pop3", [b"USER alice"], b"", "USER", b"alice"),
    ("pop3", [b"pass  two words "], b"", "PASS", b" two words "),
    ("pop3", [b"STAT"], b"", "STAT", b""),
    ("pop3", [b""], b"", "", b""),
    ("imap", [b"a1 NOOP"], b"a1", "NOOP", b""),
    ("imap", [b"a1 uid fetch 1:* (FLAGS)"], b"a1", "UID FETCH", b"1:* (FLAGS)"),
    ("imap", [b"a1 UID"], b"a1", "UID ", b""),
    ("imap", [b"a1  NOOP"], b"a1", "NOOP", b""),
    ("imap", [b"a.b-c SELECT INBOX"], b"a.b-c", "SELECT", b"INBOX"),
    ("imap", [b"a LOGIN {5}", b"alice", b" {6}", b"secret", b""], b"a", "LOGIN", b""),
    ("imap", [b"a APPEND x {3}", b"abc", b""], b"a", "APPEND", b"x"),
    ("imap", [b"a APPEND x ~{3+}", b"abc", b""], b"a", "APPEND", b"x"),
    ("imap", [b"a"], b"a", "", b""),
    ("imap", [b"* BAD tag"], b"", "", b"* BAD tag"),
    ("imap", [b"+ x"], b"", "", b"+ x"),
    ("imap", [b""], b"", "", b""),
    ("imap", [b"a" * 255 + b" NOOP"], b"a" * 255, "NOOP", b""),
    ("imap", [b"a" * 256 + b" NOOP"], b"", "", b"a" * 256 + b" NOOP"),
]


@pytest.mark.parametrize(("protocol", "parts", "tag", "verb", "argument"), _SPLIT)
def test_split(
    dialogues: dict[str, Dialogue], protocol: str, parts: list[bytes], tag: bytes, verb: str, argument: bytes
) -> None:
    """A unit splits into tag, upper-cased verb and argument; the unit itself is kept."""
    command = dialogues[protocol].command(Framed(parts=tuple(parts), raw=b"raw"))
    assert (command.tag, command.verb, command.argument) == (tag, verb, argument)
    assert command.parts == tuple(parts)
    assert command.raw == b"raw"


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
@given(line=st.binary(max_size=64))
def test_any_octets(dialogues: dict[str, Dialogue], protocol: str, line: bytes) -> None:
    """Whatever a client sends is a command; showing it does not fail either."""
    dialogue = dialogues[protocol]
    command = dialogue.command(Framed(parts=(line,), raw=line + b"\r\n"))
    assert command.verb == command.verb.upper()
    assert dialogue.masked(command, BEFORE)
    assert dialogue.masked(command, AFTER)


def test_a_new_framer_each(dialogues: dict[str, Dialogue]) -> None:
    """Sessions do not share a buffer."""
    for dialogue in dialogues.values():
        first, second = dialogue.framer(), dialogue.framer()
        first.feed(b"NOOP\r\n")
        assert second.next() is None
        assert isinstance(first.next(), Framed)
