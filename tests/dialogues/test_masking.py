"""Credentials out of the transcript, whatever the grammar says of the command that holds them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labserver.dialogues.masking import masked
from labserver.wire.framing import Framed, ImapFramer

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Dialogue

_MASKED = [
    ("smtp", b"AUTH PLAIN AHMzY3JldAA=\r\n", b"AUTH PLAIN ****\r\n"),
    ("smtp", b"auth\tplain\tAHMzY3JldAA=\r\n", b"auth\tplain ****\r\n"),
    ("smtp", b"AUTH  PLAIN  s3cret\r\n", b"AUTH  PLAIN ****\r\n"),
    ("smtp", b" AUTH PLAIN s3cret\r\n", b" AUTH PLAIN ****\r\n"),
    ("smtp", b"AUTH PLAIN s3cret s3cret\n", b"AUTH PLAIN ****\r\n"),
    ("smtp", b"AUTH PLAIN:s3cret\r\n", b"AUTH ****\r\n"),
    ("smtp", b"AUTH=s3cret\r\n", b"AUTH ****\r\n"),
    ("smtp", b"AUTH s3cret/a+A=\r\n", b"AUTH ****\r\n"),
    ("pop3", b"AUTH AHMzY3JldAA\r\n", b"AUTH ****\r\n"),
    ("pop3", b"AUTH S3CRETs3crets3crets3cret s3cret\r\n", b"AUTH ****\r\n"),
    ("pop3", b"PASS s3cret\r\n", b"PASS ****\r\n"),
    ("pop3", b"pass  s3cret with spaces \r\n", b"pass ****\r\n"),
    ("pop3", b"PASS\ts3cret\r\n", b"PASS ****\r\n"),
    ("pop3", b"APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n", b"APOP alice ****\r\n"),
    ("pop3", b"AUTH PLAIN s3cret\r\n", b"AUTH PLAIN ****\r\n"),
    ("imap", b"a LOGIN alice s3cret\r\n", b"a LOGIN alice ****\r\n"),
    ("imap", b'a login "alice" "s3cret"\r\n', b'a login "alice" ****\r\n'),
    ("imap", b'a LOGIN "al ice" s3cret\r\n', b'a LOGIN "al ice" ****\r\n'),
    ("imap", b'a LOGIN "al\\"ice" "s3\\"cret"\r\n', b'a LOGIN "al\\"ice" ****\r\n'),
    ("imap", b'a LOGIN "alice"s3cret\r\n', b'a LOGIN "alice" ****\r\n'),
    ("imap", b'a LOGIN "alice s3cret\r\n', b"a LOGIN ****\r\n"),
    ("imap", b"a LOGIN alice {6}\r\ns3cret\r\n", b"a LOGIN alice ****\r\n"),
    ("imap", b"a LOGIN {5}\r\nalice s3cret\r\n", b"a LOGIN {5} ****\r\n"),
    ("imap", b"a LOGIN {5+}\r\nalice {6+}\r\ns3cret\r\n", b"a LOGIN {5+} ****\r\n"),
    ("imap", b"a  LOGIN\talice\ts3cret\r\n", b"a  LOGIN\talice ****\r\n"),
    ("imap", b"LOGIN alice s3cret\r\n", b"LOGIN alice ****\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN s3cret\r\n", b"a AUTHENTICATE PLAIN ****\r\n"),
    ("imap", b"a AUTHENTICATE {5+}\r\nPLAIN s3cret\r\n", b"a AUTHENTICATE {5+} ****\r\n"),
]

_SHOWN = [
    ("smtp", b"AUTH PLAIN\r\n"),
    ("smtp", b"AUTH\r\n"),
    ("smtp", b"MAIL FROM:<AUTH@PLAIN.s3cret>\r\n"),
    ("smtp", b"AUTHOR x y\r\n"),
    ("smtp", b"AUTH SCRAM-SHA-256-PLUS\r\n"),
    ("pop3", b"auth xoauth2\r\n"),
    ("pop3", b"USER alice\r\n"),
    ("pop3", b"PASS\r\n"),
    ("pop3", b"PASSWORD open\r\n"),
    ("pop3", b"AUTH PLAIN\r\n"),
    ("pop3", b"APOP alice\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN\r\n"),
    ("imap", b"a LOGIN\r\n"),
    ("imap", b"a LOGIN alice\r\n"),
    ("imap", b"a LOGINDISABLED alice x\r\n"),
    ("imap", b"a SEARCH SUBJECT LOGIN x y\r\n"),
    ("imap", b"a APPEND x {7}\r\na LOGIN\r\n"),
]


@pytest.mark.parametrize(("protocol", "raw", "shown"), _MASKED)
def test_masked(dialogues: dict[str, Dialogue], protocol: str, raw: bytes, shown: bytes) -> None:
    """A command with a credential shows everything up to it."""
    assert _show(dialogues[protocol], raw) == shown
    assert b"s3cret" not in shown


@pytest.mark.parametrize(("protocol", "raw"), _SHOWN)
def test_shown(dialogues: dict[str, Dialogue], protocol: str, raw: bytes) -> None:
    """A command without a credential is shown as it came."""
    assert _show(dialogues[protocol], raw) == raw


def test_only_at_the_start() -> None:
    """What is shown is matched where the octets begin."""
    assert masked(b"x AUTH y z", re.compile(b"AUTH")) == b"x AUTH y z"
    assert masked(b"AUTH y z", re.compile(b"AUTH")) == b"AUTH ****\r\n"


def _show(dialogue: Dialogue, raw: bytes) -> bytes:
    """Frame the octets as a session would, literals granted, and show the command."""
    framer = dialogue.framer()
    framer.feed(raw)
    unit = framer.next()
    while unit is not None and not isinstance(unit, Framed):
        assert isinstance(framer, ImapFramer)
        framer.grant()
        unit = framer.next()
    if unit is None:  # the literal that was announced is never completed
        unit = Framed(parts=(raw,), raw=raw)
    return dialogue.masked(dialogue.command(unit))
