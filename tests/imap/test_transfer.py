"""Claims about APPEND, COPY and MOVE."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from labserver.limits import Limits
from tests.imap.driver import Lab, message


def test_copy_of_what_is_gone(filled: Lab) -> None:
    """COPY by number of an expunged message copies nothing; by UID it is unknown (RFC 2180 4.4)."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert client.do("COPY 1:2 Sent")[-1].startswith(b"NO [EXPUNGEISSUED]")
    assert filled.alice.mailboxes["Sent"].messages == []
    assert client.do("UID COPY 2 Sent") == [b"OK UID COPY completed"]


@pytest.mark.parametrize("verb", ["COPY", "UID COPY", "MOVE", "UID MOVE"])
def test_copy_and_move(filled: Lab, verb: str) -> None:
    """COPYUID says which became which; flags and dates go along; MOVE tells it before EXPUNGE (RFC 4315, RFC 6851)."""
    client = filled.selected()
    client.ok("STORE 2 +FLAGS.SILENT (\\Seen $k)")
    filled.deliver(message("already"), mailbox="Sent")
    sent = filled.alice.mailboxes["Sent"]
    code = b"[COPYUID %d 2,4 2:3]" % sent.uid_validity
    lines = client.do(f"{verb} 4,2 Sent")
    if "MOVE" in verb:
        moved = [b"* OK " + code + b" Moved", b"* 4 EXPUNGE", b"* 2 EXPUNGE", b"* 3 RECENT"]
        assert lines[:4] == moved
        assert lines[4] == b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)", "no message has $k any more"
        assert lines[6:] == [f"OK {verb} completed".encode()]
    else:
        assert lines == [b"OK " + code + f" {verb} completed".encode()]
    assert sent.messages[1].content == message("two")
    assert sent.messages[1].flags == {"\\Seen", "$k"}
    assert sent.messages[1].internal_date == datetime(2024, 2, 1, 12, 0, 0, tzinfo=UTC)
    assert client.do(f"{verb} 1 nothing")[-1].startswith(b"NO [TRYCREATE]")
    assert client.do(f'{verb} 1 ""')[-1].startswith(b"NO [CANNOT]")
    assert client.do(f"{verb} 1")[-1].startswith(b"BAD ")
    if verb.startswith("UID"):
        assert client.do(f"{verb} 99 Sent") == [f"OK {verb} completed".encode()]


def test_within_one_mailbox(filled: Lab) -> None:
    """A message can be copied and moved to the mailbox it is in, and gets a new UID."""
    client = filled.selected()
    assert client.ok("COPY 5 INBOX")[:1] == [b"* 6 EXISTS"]
    lines = client.ok("MOVE 1 INBOX")
    assert lines[0].endswith(b" 1 7] Moved")
    assert lines[1:] == [b"* 1 EXPUNGE", b"* 6 EXISTS", b"* 6 RECENT"]
    assert client.ok("UID SEARCH SUBJECT one") == [b"* SEARCH 7"]


def test_without_uidplus(filled: Lab) -> None:
    """Without UIDPLUS nothing speaks of UIDs that became others."""
    client = filled.selected(without={"UIDPLUS"})
    assert client.do("COPY 1 Sent") == [b"OK COPY completed"]
    assert client.do("MOVE 1 Sent") == [b"* 1 EXPUNGE", b"* 4 RECENT", b"OK MOVE completed"]
    assert client.do("APPEND Sent {5+}\r\nHello") == [b"OK APPEND completed"]


@pytest.mark.parametrize(
    "content",
    [
        message("plain"),
        b"x",
        b"no header, no line end",
        b"\r\n",
        b"Subject: bare\nLF and \r CR\r\n\r\n.\r\n..\r\n",
        bytes(range(1, 256)) * 40,
        b") a OK done\r\n* BYE\r\n{5}\r\n",
        b"x" * 300_000,
    ],
)
def test_appended_octets_come_back(lab: Lab, content: bytes) -> None:
    """What APPEND took, FETCH gives back octet for octet, but for CRLF where a bare LF came."""
    client = lab.selected()
    validity = lab.alice.mailboxes["INBOX"].uid_validity
    out = client.feed(b"a APPEND INBOX {%d}\r\n" % len(content))
    assert out == b"+ OK\r\n"
    out = client.feed(content + b"\r\n")
    assert out == b"* 1 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID %d 1] APPEND completed\r\n" % validity
    out = client.feed(b"b FETCH 1 (BODY.PEEK[] RFC822.SIZE)\r\n")
    stored = re.sub(rb"(?<!\r)\n", b"\r\n", content)
    content, size = stored, len(stored)
    assert out == b"* 1 FETCH (BODY[] {%d}\r\n%b RFC822.SIZE %d)\r\nb OK FETCH completed\r\n" % (size, content, size)


def test_append_with_flags_and_date(lab: Lab) -> None:
    """Flags and the internal date are kept, the zone included; without a date it is now."""
    client = lab.selected()
    client.ok('APPEND INBOX (\\Seen $x) "17-Jul-1996 02:44:25 -0700" {1+}\r\nx')
    client.ok("APPEND inbox () {1+}\r\nx")
    assert client.ok("FETCH 1:2 (FLAGS INTERNALDATE)")[-2:] == [
        b'* 1 FETCH (FLAGS (\\Seen $x \\Recent) INTERNALDATE "17-Jul-1996 02:44:25 -0700")',
        b'* 2 FETCH (FLAGS (\\Recent) INTERNALDATE "23-Nov-2026 12:00:00 +0000")',
    ]


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        ("nothing {1+}\r\nx", b"NO [TRYCREATE]"),
        ('"" {1+}\r\nx', b"NO [CANNOT]"),
        ("INBOX {0+}\r\n", b"NO "),
        ("INBOX {1+}\r\nx {0+}\r\n", b"NO "),
        ("INBOX", b"BAD "),
        ("INBOX (\\Seen)", b"BAD "),
        ("INBOX (\\Recent) {1+}\r\nx", b"BAD "),
        ('INBOX "17-Jul-1996" {1+}\r\nx', b"BAD "),
        ('INBOX "32-Jul-1996 02:44:25 -0700" {1+}\r\nx', b"BAD "),
        ("INBOX UTF8 (~{1+}\r\nx)", b"BAD "),
        ("INBOX {1+}\r\nx more", b"BAD "),
        ("INBOX ~{3+}\r\na\0b", b"OK "),
        ("INBOX {3+}\r\na\0b", b"OK "),
    ],
)
def test_append_faults(lab: Lab, arguments: str, verdict: bytes) -> None:
    """Nothing is stored when anything is wrong; NUL is not (RFC 3501 4.3 would have it so), as it is not in SMTP."""
    client = lab.client()
    assert client.do(f"APPEND {arguments}")[-1].startswith(verdict)
    assert len(lab.alice.mailboxes["INBOX"].messages) == (verdict == b"OK ")


def test_multiappend(lab: Lab) -> None:
    """Several messages go in together or not at all (RFC 3502); without the extension only one."""
    client = lab.client()
    validity = lab.alice.mailboxes["INBOX"].uid_validity
    two = 'APPEND INBOX (\\Seen) {1+}\r\nx "17-Jul-1996 02:44:25 -0700" {2+}\r\nyy'
    assert client.do(two) == [b"OK [APPENDUID %d 1:2] APPEND completed" % validity]
    assert [item.content for item in lab.alice.mailboxes["INBOX"].messages] == [b"x", b"yy"]
    assert lab.client(without={"MULTIAPPEND"}).do(two) == [b"BAD Unexpected extra arguments"]


def test_limits_of_a_mailbox() -> None:
    """Beyond a limit nothing is stored: NO [LIMIT] for messages, NO [OVERQUOTA] for octets."""
    client = Lab(limits=Limits(mailbox_messages=2, mailbox_size=100)).selected()
    assert client.do("APPEND INBOX {101+}\r\n" + "x" * 101)[-1].startswith(b"NO [OVERQUOTA]")
    client.ok("APPEND INBOX {1+}\r\nx {1+}\r\ny")
    assert client.do("APPEND INBOX {1+}\r\nz")[-1].startswith(b"NO [LIMIT]")
    assert client.do("COPY 1 INBOX")[-1].startswith(b"NO [LIMIT]")


@pytest.mark.parametrize(
    ("literal", "stored"),
    [
        (b"{8+}\r\na\nb\r\nc\n\n", b"a\r\nb\r\nc\r\n\r\n"),
        (b"~{8+}\r\na\nb\r\nc\n\n", b"a\nb\r\nc\n\n"),
        (b"UTF8 (~{8+}\r\na\nb\r\nc\n\n)", b"a\r\nb\r\nc\r\n\r\n"),
        (b"{4+}\r\na\rb\r", b"a\rb\r"),
    ],
)
def test_bare_line_feeds(lab: Lab, literal: bytes, stored: bytes) -> None:
    """They become CRLF except in a literal8; the literal of UTF8 is none (RFC 6855 4). All are kept if wanted."""
    for keep in (False, True):
        client = lab.client(keep_line_ends=keep)
        client.ok("ENABLE UTF8=ACCEPT")
        client.ok("APPEND INBOX " + literal.decode())
    mended, kept = (message.content for message in lab.alice.mailboxes["INBOX"].messages)
    assert mended == stored
    assert kept == literal.partition(b"\r\n")[2].removesuffix(b")")


def test_several_messages_have_their_own_line_ends(lab: Lab) -> None:
    """MULTIAPPEND: each message is mended for itself, whatever is before it (RFC 3502)."""
    lab.client().ok("APPEND INBOX {2+}\r\na\r {2+}\r\n\nb ~{2+}\r\n\nc {3+}\r\n\r\nd")
    assert [message.content for message in lab.alice.mailboxes["INBOX"].messages] == [
        b"a\r",
        b"\r\nb",
        b"\nc",
        b"\r\nd",
    ]


def test_limits_apply_to_what_was_sent(lab: Lab) -> None:
    """Line ends that are mended make no message too large; its size is what is stored."""
    lab = Lab(limits=replace(lab.limits, message_size=10))
    lab.client().ok("APPEND INBOX {10+}\r\n" + "\n" * 10)
    assert lab.client().do("APPEND INBOX {11+}\r\n" + "\n" * 11)[-1].startswith(b"NO [TOOBIG]")
    (stored,) = lab.alice.mailboxes["INBOX"].messages
    assert (stored.size, stored.content) == (20, b"\r\n" * 10)


@pytest.mark.parametrize("size", [3, 200_000])
@pytest.mark.parametrize("literal8", [False, True])
def test_nul_is_stored_as_it_came_and_shown_as_another_octet(lab: Lab, size: int, *, literal8: bool) -> None:
    """No literal can hold NUL, so 0x80 is in its place (Dovecot does so); sizes stay, and BINARY[] has a literal8."""
    body = b"a\0b" + b"\0" * (size - 3)
    content = b"Subject: x\0y\r\n\r\n" + body
    shown = content.replace(b"\0", b"\x80")
    client = lab.selected()
    client.ok(b"APPEND INBOX %b{%d+}\r\n%b" % (b"~" * literal8, len(content), content))
    assert lab.alice.mailboxes["INBOX"].messages[0].content == content
    for item, octets in (
        (b"BODY[]", shown),
        (b"BODY[TEXT]", shown.partition(b"\r\n\r\n")[2]),
        (b"BODY[1]", shown.partition(b"\r\n\r\n")[2]),
        (b"BODY[HEADER.FIELDS (SUBJECT)]", b"Subject: x\x80y\r\n\r\n"),
        (b"RFC822", shown),
        (b"RFC822.HEADER", b"Subject: x\x80y\r\n\r\n"),
    ):
        asked = item.replace(b"BODY[", b"BODY.PEEK[") if item.startswith(b"BODY[") else item
        assert b"%b {%d}\r\n%b" % (item, len(octets), octets) in client.feed(b"f FETCH 1 (%b)\r\n" % asked)
    assert b"\0" not in client.feed(b"f FETCH 1 (ENVELOPE BODYSTRUCTURE)\r\n")
    assert b"BINARY[] ~{%d}\r\n%b" % (len(content), content) in client.feed(b"f FETCH 1 BINARY.PEEK[]\r\n")


def test_mail_with_nul_can_be_copied_to_another_server(lab: Lab) -> None:
    """What FETCH gives, APPEND takes: a client that moves mail between accounts gets through."""
    lab.deliver(b"Subject: nul\r\n\r\nbefore\0after\r\n")
    client = lab.selected()
    octets = client.feed(b"a FETCH 1 BODY.PEEK[]\r\n").partition(b"}\r\n")[2].partition(b")\r\na OK")[0]
    client.ok(b"APPEND Sent {%d+}\r\n%b" % (len(octets), octets))


def test_the_messages_of_one_append_are_bounded(lab: Lab) -> None:
    """MULTIAPPEND takes a thousand messages at once; of one more nothing is stored."""
    client = lab.client()
    client.ok(b"APPEND INBOX" + b" {1+}\r\nx" * 1000)
    assert client.do(b"APPEND INBOX" + b" {1+}\r\nx" * 1001)[-1].startswith(b"NO [LIMIT] ")
    assert len(lab.alice.mailboxes["INBOX"].messages) == 1000
