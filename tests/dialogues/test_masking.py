"""What the transcript shows of a command: what is known to be harmless, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.imap.commands.table import COMMANDS
from labserver.imap.extensions.table import EXTENSIONS
from labserver.imap.vocabulary import NOT_AUTHENTICATED
from labserver.pop3 import commands as pop3
from labserver.sasl.table import MECHANISMS
from labserver.smtp.lmtp import LmtpSession
from labserver.smtp.session import Session as SmtpSession
from labserver.wire.framing import Framed, ImapFramer
from tests.dialogues.conftest import AFTER, BEFORE

if TYPE_CHECKING:
    from labserver.dialogues.exchange import Command, Dialogue
    from labserver.dialogues.masking import Standing

_MASKED = [
    ("smtp", b"AUTH PLAIN AHMzY3JldAA=\r\n", b"AUTH PLAIN ****\r\n"),
    ("smtp", b"auth  plain  s3cret\r\n", b"auth  plain ****\r\n"),
    ("smtp", b" AUTH PLAIN s3cret\r\n", b" AUTH PLAIN ****\r\n"),
    ("smtp", b"AUTH PLAIN s3cret s3cret\n", b"AUTH PLAIN ****\r\n"),
    ("smtp", b"AUTH PLAIN:s3cret\r\n", b"AUTH ****\r\n"),
    ("smtp", b"AUTH s3cret/a+A=\r\n", b"AUTH ****\r\n"),
    ("smtp", b"AUTH S3CRET\r\n", b"AUTH ****\r\n"),
    ("smtp", b"AUTH\tplain\ts3cret\r\n", b"****\r\n"),
    ("smtp", b"AUTH=s3cret\r\n", b"****\r\n"),
    ("smtp", b"1 LOGIN alice s3cret\r\n", b"****\r\n"),
    ("smtp", b"PASS s3cret\r\n", b"****\r\n"),
    ("smtp", b"s3cret\r\n", b"****\r\n"),
    ("smtp", b"EHLO me s3cret\r\n", b"EHLO me ****\r\n"),
    ("smtp", b"EHLO alice:s3cret\r\n", b"EHLO ****\r\n"),
    ("smtp", b"NOOP s3cret\r\n", b"NOOP ****\r\n"),
    ("smtp", b"VRFY s3cret\r\n", b"VRFY ****\r\n"),
    ("smtp", b"HELP s3cret\r\n", b"HELP ****\r\n"),
    ("smtp", b"MAIL s3cret\r\n", b"MAIL ****\r\n"),
    ("smtp", b"MAIL FROM:s3cret\r\n", b"MAIL ****\r\n"),
    ("smtp", b"MAIL FROM:<a@b.test> s3cret\r\n", b"MAIL FROM:<a@b.test> ****\r\n"),
    ("smtp", b"MAIL FROM:<a@b.test> SIZE=9 s3cret\r\n", b"MAIL FROM:<a@b.test> SIZE=9 ****\r\n"),
    ("smtp", b"XCLIENT LOGIN=s3cret\r\n", b"XCLIENT ****\r\n"),
    ("pop3", b"AUTH AHMzY3JldAA\r\n", b"AUTH ****\r\n"),
    ("pop3", b"AUTH S3CRETs3crets3crets3cret s3cret\r\n", b"AUTH ****\r\n"),
    ("pop3", b"PASS s3cret\r\n", b"PASS ****\r\n"),
    ("pop3", b"pass  s3cret with spaces \r\n", b"pass ****\r\n"),
    ("pop3", b"PASS\ts3cret\r\n", b"****\r\n"),
    ("pop3", b"PASSWORD s3cret\r\n", b"****\r\n"),
    ("pop3", b"USER s3cret\r\n", b"USER ****\r\n"),
    ("pop3", b"USER alice s3cret\r\n", b"USER alice ****\r\n"),
    ("pop3", b"APOP alice c4c9334bac560ecc979e58001b3e22fb\r\n", b"APOP alice ****\r\n"),
    ("pop3", b"APOP s3cret c4c9334bac560ecc979e58001b3e22fb\r\n", b"APOP ****\r\n"),
    ("pop3", b"AUTH PLAIN s3cret\r\n", b"AUTH PLAIN ****\r\n"),
    ("pop3", b"LIST s3cret\r\n", b"LIST ****\r\n"),
    ("pop3", b"LANG s3cret\r\n", b"LANG ****\r\n"),
    ("imap", b"a LOGIN alice s3cret\r\n", b"a LOGIN alice ****\r\n"),
    ("imap", b'a login "alice" "s3cret"\r\n', b'a login "alice" ****\r\n'),
    ("imap", b'a LOGIN "al\\"ice" s3cret\r\n', b"a LOGIN ****\r\n"),
    ("imap", b'a LOGIN "alice"s3cret\r\n', b"a LOGIN ****\r\n"),
    ("imap", b'a LOGIN "alice s3cret\r\n', b"a LOGIN ****\r\n"),
    ("imap", b"a LOGIN s3cret alice\r\n", b"a LOGIN ****\r\n"),
    ("imap", b"a LOGIN alice:s3cret\r\n", b"a LOGIN ****\r\n"),
    ("imap", b"a LOGIN alice {6}\r\ns3cret\r\n", b"a LOGIN alice ****\r\n"),
    ("imap", b"a LOGIN {5}\r\nalice s3cret\r\n", b"a LOGIN {5} ****\r\n"),
    ("imap", b"a LOGIN {5+}\r\nalice {6+}\r\ns3cret\r\n", b"a LOGIN {5+} ****\r\n"),
    ("imap", b"a LOGIN {5} s3cret\r\n", b"a LOGIN ****\r\n"),
    ("imap", b"a  LOGIN\talice\ts3cret\r\n", b"****\r\n"),
    ("imap", b"LOGIN alice s3cret\r\n", b"****\r\n"),
    ("imap", b"alice s3cret\r\n", b"****\r\n"),
    ("imap", b"s3cret\r\n", b"****\r\n"),
    ("imap", b"a USER s3cret\r\n", b"****\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN s3cret\r\n", b"a AUTHENTICATE PLAIN ****\r\n"),
    ("imap", b"a AUTHENTICATE AHMzY3JldAA\r\n", b"a AUTHENTICATE ****\r\n"),
    ("imap", b"a AUTHENTICATE {5+}\r\nPLAIN s3cret\r\n", b"a AUTHENTICATE ****\r\n"),
    ("imap", b"a SELECT s3cret\r\n", b"a SELECT ****\r\n"),
    ("imap", b"a ID alice s3cret\r\n", b"a ID ****\r\n"),
    ("imap", b'a ID ("name" "x" "pass" "s3cret")\r\n', b'a ID ("name" "x" ****\r\n'),
    ("imap", b'a ID ("name" "x"s3cret)\r\n', b"a ID ( ****\r\n"),
    ("imap", b"a APPEND x {7}\r\na LOGIN\r\n", b"a APPEND ****\r\n"),
]
"""Before login."""

_SHOWN = [
    ("smtp", b"AUTH PLAIN\r\n"),
    ("smtp", b"AUTH\r\n"),
    ("smtp", b"AUTH SCRAM-SHA-256-PLUS\r\n"),
    ("smtp", b"EHLO client.example\r\n"),
    ("smtp", b"ehlo [127.0.0.1]\r\n"),
    ("smtp", b"LHLO [IPv6:::1]\r\n"),
    ("smtp", "EHLO grün.example\r\n".encode()),
    ("smtp", b"MAIL FROM:<AUTH@PLAIN.test>\r\n"),
    ("smtp", b"MAIL FROM:<> BODY=8BITMIME SIZE=100 SMTPUTF8 RET=HDRS ENVID=x AUTH=<>\r\n"),
    ("smtp", b'RCPT TO: <"a b"@c.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@b.test\r\n'),
    ("smtp", b"rcpt to:alice@lab.test\r\n"),
    ("smtp", b"BDAT 100 LAST\r\n"),
    ("smtp", b"VRFY alice@lab.test\r\n"),
    ("smtp", b"HELP MAIL\r\n"),
    ("smtp", b"DATA\r\n"),
    ("smtp", b"QUIT \r\n"),
    ("smtp", b"\r\n"),
    ("pop3", b"auth xoauth2\r\n"),
    ("pop3", b"USER alice\r\n"),
    ("pop3", b"PASS\r\n"),
    ("pop3", b"AUTH PLAIN\r\n"),
    ("pop3", b"APOP alice\r\n"),
    ("pop3", b"LANG en-GB\r\n"),
    ("pop3", b"CAPA\r\n"),
    ("imap", b"a AUTHENTICATE PLAIN\r\n"),
    ("imap", b"a LOGIN\r\n"),
    ("imap", b"a LOGIN alice\r\n"),
    ("imap", b'a1  login "alice@lab.test"\r\n'),
    ("imap", b"a.1 STARTTLS\r\n"),
    ("imap", b"a ID NIL\r\n"),
    ("imap", b'a ID ("name" "Mail (x)" "version" NIL "support-url" "https://x.test/")\r\n'),
    ("imap", b"a SELECT\r\n"),
]
"""Before login."""

_AFTERWARDS = [
    ("smtp", b"MAIL FROM:alice what is this\r\n", b"MAIL FROM:alice what is this\r\n"),
    ("smtp", b"AHMzY3JldAA=\r\n", b"****\r\n"),
    ("smtp", b"AUTH PLAIN s3cret\r\n", b"AUTH PLAIN ****\r\n"),
    ("smtp", b"NOOP s3cret\r\n", b"NOOP ****\r\n"),
    ("smtp", b"BDAT 6 s3cret\r\n", b"BDAT 6 ****\r\n"),
    ("imap", b'a ID ("name" "x" "pass" "s3cret")\r\n', b'a ID ("name" "x" ****\r\n'),
    ("pop3", b"RETR one\r\n", b"RETR one\r\n"),
    ("pop3", b"PASS s3cret\r\n", b"PASS ****\r\n"),
    ("pop3", b"a LOGIN alice s3cret\r\n", b"****\r\n"),
    ("imap", b'a SEARCH SUBJECT "LOGIN x y"\r\n', b'a SEARCH SUBJECT "LOGIN x y"\r\n'),
    ("imap", b"a uid fetch 1 BODY[9]\r\n", b"a uid fetch 1 BODY[9]\r\n"),
    ("imap", b"a APPEND x {7}\r\na LOGIN\r\n", b"a APPEND x {7}\r\na LOGIN\r\n"),
    ("imap", b"a LOGIN alice s3cret\r\n", b"a LOGIN alice ****\r\n"),
    ("imap", b"a AUTHENTICATE s3cret\r\n", b"a AUTHENTICATE ****\r\n"),
    ("imap", b"a IDLE s3cret\r\n", b"a IDLE ****\r\n"),
    ("imap", b"a COMPRESS DEFLATE\r\n", b"a COMPRESS ****\r\n"),
    ("imap", b"s3cret s3cret\r\n", b"****\r\n"),
]


@pytest.mark.parametrize(("protocol", "raw", "shown"), _MASKED)
def test_masked(dialogues: dict[str, Dialogue], protocol: str, raw: bytes, shown: bytes) -> None:
    """Before login a command shows its verb, and what is known to be harmless behind it."""
    assert _show(dialogues[protocol], raw) == shown
    assert b"s3cret" not in shown


@pytest.mark.parametrize(("protocol", "raw"), _SHOWN)
def test_shown(dialogues: dict[str, Dialogue], protocol: str, raw: bytes) -> None:
    """A command without a credential is shown as it came."""
    assert _show(dialogues[protocol], raw) == raw


@pytest.mark.parametrize(("protocol", "raw", "shown"), _AFTERWARDS)
def test_after_login(dialogues: dict[str, Dialogue], protocol: str, raw: bytes, shown: bytes) -> None:
    """After login the commands that there are then show their arguments, right or wrong; nothing else does."""
    assert _show(dialogues[protocol], raw, AFTER) == shown


def _words(dialogue: Dialogue, verbs: set[str]) -> set[str]:
    prefix = b"a " if dialogue.authenticate_verb == "AUTHENTICATE" else b""
    return {dialogue.word(_command(dialogue, prefix + verb.encode() + b"\r\n")) for verb in verbs}


def test_every_verb_is_a_word(dialogues: dict[str, Dialogue]) -> None:
    """Nothing that a session answers is masked as if nobody had specified it."""
    imap = set(COMMANDS) | {verb for extension in EXTENSIONS.values() for verb in extension.commands}
    verbs = {
        "smtp": {*SmtpSession.VERBS, *LmtpSession.VERBS},
        "imap": imap,
        "pop3": {*pop3.ALWAYS, *pop3.BEFORE_LOGIN, *pop3.TRANSACTION},
    }
    for protocol, dialogue in dialogues.items():
        expected = verbs[protocol] | {dialogue.upgrade_verb, dialogue.authenticate_verb}
        assert _words(dialogue, expected) == expected
        assert _words(dialogue, {"S3CRET", "PASSWORD", "1", ""}) == {""}


def test_every_imap_argument_can_be_read_after_login(dialogues: dict[str, Dialogue]) -> None:
    """A command that has arguments shows them once its user is known; what is said before login never does."""
    entries = dict(COMMANDS)
    for extension in EXTENSIONS.values():
        entries.update(extension.commands)
    for verb, entry in entries.items():
        raw = b"a %b words\r\n" % verb.encode()
        plain = _show(dialogues["imap"], raw, AFTER) == raw
        without = {"CAPABILITY", "NOOP", "LOGOUT", "CHECK", "CLOSE", "EXPUNGE", "ID", "IDLE", "NAMESPACE", "UNSELECT"}
        assert plain is (entry.states != NOT_AUTHENTICATED and verb not in without), verb


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_mechanism_is_shown(dialogues: dict[str, Dialogue], protocol: str, mechanism: str) -> None:
    """A mechanism that the lab has is no secret."""
    dialogue = dialogues[protocol]
    tag = b"a " if protocol == "imap" else b""
    raw = tag + f"{dialogue.authenticate_verb} {mechanism}".encode()
    assert _show(dialogue, raw + b"\r\n") == raw + b"\r\n"
    assert _show(dialogue, raw + b" s3cret\r\n") == raw + b" ****\r\n"


@pytest.mark.parametrize("protocol", ["smtp", "imap", "pop3"])
def test_hostile_lengths(dialogues: dict[str, Dialogue], protocol: str) -> None:
    """What is shown of a long line is found in one pass: none of these takes minutes."""
    dialogue = dialogues[protocol]
    for verb in (b"MAIL FROM:", b"EHLO", b"a LOGIN", b"a ID", b"USER", b"AUTH"):
        for filling in (b'"', b"<", b'<"', b" SIZE=1", b'("name" NIL', b'"name" NIL ', b"\\", b'"\\"', b"a", b"a@"):
            raw = verb + b" " + filling * 20_000 + b"\r\n"
            assert dialogue.masked(dialogue.command(Framed(parts=(raw[:-2],), raw=raw)), BEFORE)


def _command(dialogue: Dialogue, raw: bytes) -> Command:
    """Frame the octets as a session would, literals granted."""
    framer = dialogue.framer()
    framer.feed(raw)
    unit = framer.next()
    while unit is not None and not isinstance(unit, Framed):
        assert isinstance(framer, ImapFramer)
        framer.grant()
        unit = framer.next()
    if unit is None:  # the literal that was announced is never completed
        unit = Framed(parts=(raw,), raw=raw)
    return dialogue.command(unit)


def _show(dialogue: Dialogue, raw: bytes, standing: Standing = BEFORE) -> bytes:
    return dialogue.masked(_command(dialogue, raw), standing)
