"""What replies repeat of a client's words: a little, so that a short line does not buy a long answer, nor a secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from labserver.imap.commands.table import COMMANDS
from labserver.imap.extensions.table import EXTENSIONS
from labserver.pop3.commands import ALWAYS, BEFORE_LOGIN, TRANSACTION
from labserver.smtp.session import Session

if TYPE_CHECKING:
    from tests.session.playbook import Building, Talk

_MOST = 100
_LONG = b"Q" * 20_000
_LITERAL = b"{100000+}\r\n" + b"Q" * 100_000
_VERBS = sorted({*COMMANDS, *(verb for extension in EXTENSIONS.values() for verb in extension.commands)})
_ARGUMENTS = (
    _LONG,
    _LITERAL,
    b"(" + _LONG + b")",
    b'"" ' + _LITERAL,
    b'"" (' + _LONG + b")",
    b"(" + _LONG + b') "" *',
    b'"" * RETURN (' + _LONG + b")",
    _LITERAL + b' ""',
    _LONG + b"/" + _LONG,
    b"INBOX " + _LONG,
    b"INBOX " + _LITERAL,
    b"INBOX (" + _LONG + b")",
    b"INBOX (USE (\\" + _LONG + b"))",
    b"INBOX (" + _LONG + b") {3+}\r\nabc",
    b"INBOX (\\" + _LONG + b") {3+}\r\nabc",
    _LITERAL + b" {3+}\r\nabc",
    b"1 " + _LONG,
    b"1 " + _LITERAL,
    b"1 (FLAGS " + _LONG + b")",
    b"1 BODY[" + _LONG + b"]",
    b"1 BODY[HEADER.FIELDS (" + _LONG + b")]",
    b"1 BODY[HEADER.FIELDS (" + _LITERAL + b")]",
    b"1 BODY[HEADER.FIELDS (" + b" ".join([b"Q" * 90] * 200) + b")]",
    b"1 +FLAGS (\\" + _LONG + b")",
    b"1 +FLAGS.SILENT (" + _LONG + b")",
    b"HEADER " + _LITERAL + b" x",
    b"CHARSET " + _LITERAL + b" ALL",
    b"RETURN (" + _LONG + b") ALL",
    b"KEYWORD " + _LONG,
    b"(" + _LONG + b") UTF-8 ALL",
    b"(SUBJECT) " + _LITERAL + b" ALL",
    _LONG + b" UTF-8 ALL",
    b'("name" ' + _LITERAL + b")",
    b"&AOQ-" * 4_000,
    b"1:" + b"9" * 20_000,
)
_MAIL_ARGUMENTS = (
    b"",
    b" %b",
    b" FROM:<%b@lab.test>",
    b" FROM:<a@b.test> %b",
    b" FROM:<a@b.test> %b=1",
    b" TO:<%b@lab.test>",
)
_REPEATED = re.compile(rb"Q{%d}" % (_MOST + 1))


@pytest.mark.parametrize("verb", [verb for verb in _VERBS if verb not in ("LOGIN", "LOGOUT")])
def test_imap(building: Building, verb: str) -> None:
    """No IMAP command repeats a long argument of any kind, right or wrong."""
    building.deliver(b"Subject: x\r\n\r\nhello\r\n")
    for argument in _ARGUMENTS:
        talk = building.secured("imap")
        talk.say(b"a LOGIN alice s3cret\r\nb SELECT INBOX\r\n")
        said = talk.say(b"c %b %b\r\n" % (verb.encode(), argument))
        assert said, argument[:40]
        assert not _REPEATED.search(said), (argument[:40], said[:200])
        talk.membrane.disconnected()


def test_imap_names_header_fields(building: Building) -> None:
    """What IMAP has to repeat it does: the names of header fields, as many as anybody asks for."""
    building.deliver(b"Subject: x\r\n\r\nhello\r\n")
    talk = building.secured("imap")
    talk.say(b"a LOGIN alice s3cret\r\nb SELECT INBOX\r\n")
    names = b" ".join(b"X-Field-%d" % number for number in range(500))
    assert names in talk.say(b"c FETCH 1 BODY.PEEK[HEADER.FIELDS (" + names + b")]\r\n")


@pytest.mark.parametrize("tag", [b"Q" * 255, b"a.b-c/d"])
def test_imap_tags(building: Building, tag: bytes) -> None:
    """A tag is repeated whole (RFC 9051 2.2.1) if it has no more than 255 octets."""
    talk = building.secured("imap")
    assert talk.say(tag + b" NOOP\r\n").startswith(tag + b" OK")
    assert talk.say(b"Q" * 256 + b" NOOP\r\n").startswith(b"* BAD Missing or invalid tag")


@pytest.mark.parametrize("service", ["submission", "smtp", "lmtp"])
def test_smtp(building: Building, service: str) -> None:
    """No SMTP reply repeats a long argument, and none has more than 512 octets (RFC 5321 4.5.3.1.5)."""
    building.directory.catch_all = None
    for verb in (*Session.VERBS, "STARTTLS", "LHLO", "QQQQ", "XCLIENT"):
        for argument in _MAIL_ARGUMENTS:
            talk = _mailing(building, service)
            said = talk.say(verb.encode() + argument.replace(b"%b", b"Q" * 4_000) + b"\r\n")
            for line in said.splitlines(keepends=True):
                assert len(line) <= 512
                assert not _REPEATED.search(line), (verb, argument)
            talk.membrane.disconnected()


@pytest.mark.parametrize(
    "line", ["MAIL FROM:<a@b.test> s3cret", "MAIL FROM:<a@b.test> s3cret=1", "RCPT TO:<alice> S3CRET"]
)
def test_smtp_parameters(building: Building, line: str) -> None:
    """A word that stands in a parameter's place may be anything, and is not repeated."""
    talk = building.opened("smtp")
    talk.say(b"EHLO me\r\n")
    assert b"s3cret" not in talk.say(line.encode() + b"\r\n").lower()


@pytest.mark.parametrize("logged_in", [True, False])
def test_pop3(building: Building, *, logged_in: bool) -> None:
    """No POP3 reply repeats a long argument, or has more than 512 octets on its first line (RFC 2449 4)."""
    building.deliver(b"Subject: x\r\n\r\nhello\r\n")
    for verb in (*ALWAYS, *BEFORE_LOGIN, *TRANSACTION, "STLS", "QQQQ"):
        for argument in (b" " + b"Q" * 4_000, b" 1 " + b"Q" * 4_000, b" " + b"9" * 4_000, b" " + b"Q" * 40_000):
            talk = building.secured("pop3")
            if logged_in:
                talk.say(b"USER alice\r\nPASS s3cret\r\n")
            said = talk.say(verb.encode() + argument + b"\r\n")
            assert len(said.splitlines()[0]) <= 510
            assert not _REPEATED.search(said), verb
            talk.membrane.disconnected()


def _mailing(building: Building, service: str) -> Talk:
    talk = building.secured(service)
    talk.say(b"AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\nMAIL FROM:<a@b.test>\r\n")
    return talk
