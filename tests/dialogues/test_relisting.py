"""Capabilities changed in the replies that list them, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.exchange import Command, Reply

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue, Names

_TABLE = [
    ("smtp", "EHLO", b"250-host\r\n250-STARTTLS\r\n250 SIZE 5\r\n", b"250-host\r\n250-SIZE 5\r\n250 X\r\n"),
    ("smtp", "LHLO", b"250-host\r\n250 STARTTLS\r\n", b"250-host\r\n250 X\r\n"),
    ("smtp", "EHLO", b"250 host\r\n", b"250-host\r\n250 X\r\n"),
    ("pop3", "CAPA", b"+OK\r\nSTLS\r\nSASL A B\r\n.\r\n", b"+OK\r\nSASL A B\r\nX\r\n.\r\n"),
    ("imap", "CAPABILITY", b"* CAPABILITY IMAP4rev1 STARTTLS\r\n", b"* CAPABILITY IMAP4rev1 X\r\n"),
    ("imap", None, b"* OK [CAPABILITY STARTTLS Y] hi\r\n", b"* OK [CAPABILITY Y X] hi\r\n"),
    ("imap", "LOGIN", b"a OK [CAPABILITY Y] in\r\n", b"a OK [CAPABILITY Y X] in\r\n"),
]
_OTHERS = [
    ("smtp", "HELO", b"250 host\r\n"),
    ("smtp", "EHLO", b"501 5.5.4 no\r\n"),
    ("smtp", None, b"220 host ESMTP\r\n"),
    ("pop3", "LIST", b"+OK\r\n1 5\r\n.\r\n"),
    ("pop3", "CAPA", b"-ERR\r\n"),
    ("pop3", None, b"+OK hi\r\n"),
    ("imap", "NOOP", b"a OK done\r\n"),
    ("imap", "FETCH", b"* 1 FETCH (BODY[] {16}\r\nCAPABILITY STARTT)\r\n"),
]


def _change(names: Names) -> Names:
    return (*[name for name in names if name not in ("STARTTLS", "STLS")], "X")


def _relisted(dialogue: Dialogue, verb: str | None, raw: bytes) -> Reply:
    return dialogue.relisted(None if verb is None else Command(verb=verb), Reply.completion(raw), _change)


@pytest.mark.parametrize(("protocol", "verb", "raw", "expected"), _TABLE)
def test_changed(dialogues: dict[str, Dialogue], protocol: str, verb: str | None, raw: bytes, expected: bytes) -> None:
    """A listing is changed, and stays well-formed."""
    assert _relisted(dialogues[protocol], verb, raw).raw == expected


@pytest.mark.parametrize(("protocol", "verb", "raw"), _OTHERS)
def test_left_alone(dialogues: dict[str, Dialogue], protocol: str, verb: str | None, raw: bytes) -> None:
    """Other replies are the same."""
    assert _relisted(dialogues[protocol], verb, raw).raw == raw
