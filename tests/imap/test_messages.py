"""Claims about FETCH, STORE, COPY, MOVE, APPEND and the answers of the search commands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from labserver.errors import StoreError
from labserver.limits import Limits
from labserver.mailstore.mailbox import Mailbox
from tests.imap.driver import Lab, message

MULTIPART = (
    b"From: a@b\r\nSubject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
    b"preamble\r\n--x\r\nContent-Type: text/plain\r\n\r\nfirst\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nTo: c@d\r\n\r\ninner text\r\n--x--\r\n"
)


def one(lab: Lab, content: bytes, items: str) -> bytes:
    """Return what FETCH says of one message, between the parentheses."""
    lab.deliver(content)
    out = lab.selected().feed(f"a FETCH 1 ({items})\r\n".encode())
    assert out.endswith(b")\r\na OK FETCH completed\r\n"), out
    return out.removeprefix(b"* 1 FETCH (").removesuffix(b")\r\na OK FETCH completed\r\n")


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        ("BODY.PEEK[]", b"BODY[] {%d}\r\n%b" % (len(MULTIPART), MULTIPART)),
        ("BODY.PEEK[]<4.7>", b"BODY[]<4> {7}\r\n: a@b\r\n"),
        ("BODY.PEEK[]<9999.7>", b"BODY[]<9999> {0}\r\n"),
        ("BODY.PEEK[]<0.4294967295>", b"BODY[]<0> {%d}\r\n%b" % (len(MULTIPART), MULTIPART)),
        ("BODY.PEEK[1]", b"BODY[1] {5}\r\nfirst"),
        ("body.peek[1]<1.2>", b"BODY[1]<1> {2}\r\nir"),
        ("BODY.PEEK[1.MIME]", b"BODY[1.MIME] {28}\r\nContent-Type: text/plain\r\n\r\n"),
        ("BODY.PEEK[2.HEADER]", b"BODY[2.HEADER] {27}\r\nSubject: inner\r\nTo: c@d\r\n\r\n"),
        ("BODY.PEEK[2.TEXT]", b"BODY[2.TEXT] {10}\r\ninner text"),
        ("BODY.PEEK[2.1]", b"BODY[2.1] {10}\r\ninner text"),
        ("BODY.PEEK[3]", b"BODY[3] NIL"),
        ("BODY.PEEK[1.HEADER]", b"BODY[1.HEADER] NIL"),
        ("BODY.PEEK[header.fields (SUBJECT x)]", b"BODY[HEADER.FIELDS (SUBJECT x)] {18}\r\nSubject: parts\r\n\r\n"),
        (
            'BODY.PEEK[2.HEADER.FIELDS.NOT ("to")]',
            b"BODY[2.HEADER.FIELDS.NOT (to)] {18}\r\nSubject: inner\r\n\r\n",
        ),
        (
            "BODY.PEEK[HEADER.FIELDS ({7+}\r\nSubject)]<0.3>",
            b"BODY[HEADER.FIELDS (Subject)]<0> {3}\r\nSub",
        ),
        ("RFC822.SIZE", b"RFC822.SIZE %d" % len(MULTIPART)),
        ("INTERNALDATE", b'INTERNALDATE "01-Feb-2024 12:00:00 +0000"'),
        ("UID", b"UID 1"),
        ("UID uid UID", b"UID 1"),
        ("FLAGS", b"FLAGS (\\Recent)"),
        ("RFC822.HEADER", b"RFC822.HEADER {91}\r\n" + MULTIPART[:91]),
        (
            "ENVELOPE",
            b'ENVELOPE (NIL "parts" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL)',
        ),
        ("BINARY.PEEK[1] BINARY.SIZE[1]", b"BINARY[1] {5}\r\nfirst BINARY.SIZE[1] 5"),
    ],
)
def test_items(lab: Lab, items: str, answer: bytes) -> None:
    """Each item has its name, as in the question, and its octets; partial ones their offset (RFC 3501 7.4.2)."""
    assert one(lab, MULTIPART, items) == answer


def test_structures(lab: Lab) -> None:
    """BODY is BODYSTRUCTURE without extension data."""
    short = one(lab, MULTIPART, "BODY").removeprefix(b"BODY ")
    assert short.startswith(b'(("text" "plain"')
    out = lab.selected().feed(b"a FETCH 1 BODYSTRUCTURE\r\n")
    assert out.startswith(b'* 1 FETCH (BODYSTRUCTURE (("text" "plain"')
    assert len(out) > len(short)


@pytest.mark.parametrize(
    ("macro", "items"),
    [
        ("FAST", "(FLAGS INTERNALDATE RFC822.SIZE)"),
        ("all", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"),
        ("FULL", "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY)"),
    ],
)
def test_macros(filled: Lab, macro: str, items: str) -> None:
    """A macro is its items, outside of parentheses only (RFC 3501 6.4.5)."""
    client = filled.selected()
    assert client.ok(f"FETCH 1:* {macro}") == client.ok(f"FETCH 1:* {items}")
    assert client.do(f"FETCH 1 ({macro})")[-1].startswith(b"BAD ")
    assert client.do(f"FETCH 1 {macro}X")[-1].startswith(b"BAD ")


@pytest.mark.parametrize(
    "items",
    [
        "",
        "()",
        "XYZZY",
        "(FLAGS",
        "FLAGS)",
        "(FLAGS  UID)",
        "BODY[",
        "BODY[]<0>",
        "BODY[]<0.0>",
        "BODY[]<-1.5>",
        "BODY[0]",
        "BODY[1.0]",
        "BODY[1.]",
        "BODY[.TEXT]",
        "BODY[MIME]",
        "BODY[XYZZY]",
        "BODY[HEADER.FIELDS]",
        "BODY[HEADER.FIELDS ()]",
        "BODY[HEADER.FIELDS Subject]",
        "BODY.PEEK",
        "BINARY",
        "BINARY[TEXT]",
        "BINARY.SIZE[1]<0.1>",
        "RFC822.PEEK",
        "FLAGS (XYZZY 1)",
        "FLAGS (CHANGEDSINCE)",
        "FLAGS (CHANGEDSINCE x)",
    ],
)
def test_item_faults(filled: Lab, items: str) -> None:
    """What is no item is BAD, and nothing is fetched."""
    client = filled.selected()
    assert len(client.do(f"FETCH 1 {items}".rstrip())) == 1
    assert client.do(f"FETCH 1 {items}".rstrip())[0].startswith(b"BAD ")
    assert filled.alice.mailboxes["INBOX"].messages[0].flags == frozenset()


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ("1", [1]),
        ("*", [5]),
        ("2:4", [2, 3, 4]),
        ("4:2", [2, 3, 4]),
        ("4:*", [4, 5]),
        ("*:4", [4, 5]),
        ("5,1,3,1:2", [1, 2, 3, 5]),
        ("6", None),
        ("1:6", None),
        ("6:*", None),
        ("0", None),
        ("0:1", None),
        ("1:4294967295", None),
        ("4294967296", None),
        ("1,", None),
        ("", None),
        ("a", None),
        ("1-3", None),
    ],
)
def test_sequence_numbers(filled: Lab, wanted: str, numbers: list[int] | None) -> None:
    """Numbers are taken once, in ascending order; one that does not exist is BAD (RFC 3501 9 seq-number)."""
    lines = filled.selected().do(f"FETCH {wanted} UID")
    if numbers is None:
        assert lines[0].startswith(b"BAD ")
    else:
        assert lines == [*(b"* %d FETCH (UID %d)" % (n, n) for n in numbers), b"OK FETCH completed"]


@pytest.mark.parametrize(
    ("wanted", "uids"),
    [
        ("2", [2]),
        ("3", []),
        ("1:4", [1, 2, 4]),
        ("*", [5]),
        ("6:*", [5]),
        ("9", []),
        ("4294967295", []),
        ("5:1", [1, 2, 4, 5]),
    ],
)
def test_uids(filled: Lab, wanted: str, uids: list[int]) -> None:
    """Unknown UIDs are ignored, the UID is always in the answer, and n:* always finds the last (RFC 3501 6.4.8)."""
    client = filled.selected()
    client.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    numbers = {1: 1, 2: 2, 4: 3, 5: 4}
    assert client.ok(f"UID FETCH {wanted} RFC822.SIZE") == [
        b"* %d FETCH (UID %d RFC822.SIZE %d)"
        % (numbers[uid], uid, len(message(["one", "two", "", "four", "five"][uid - 1])))
        for uid in uids
    ]


def test_an_empty_mailbox(lab: Lab) -> None:
    """Without messages every number is BAD and every UID is unknown."""
    client = lab.selected()
    for wanted in ("1", "*", "1:*"):
        assert client.do(f"FETCH {wanted} FLAGS")[-1].startswith(b"BAD ")
        assert client.ok(f"UID FETCH {wanted} FLAGS") == []


@pytest.mark.parametrize(
    ("item", "sets"),
    [
        ("BODY[]", True),
        ("BODY[TEXT]", True),
        ("BODY[HEADER]", True),
        ("RFC822", True),
        ("RFC822.TEXT", True),
        ("BINARY[1]", True),
        ("(BODY.PEEK[] BODY[])", True),
        ("BODY.PEEK[]", False),
        ("RFC822.HEADER", False),
        ("BINARY.PEEK[1]", False),
        ("BINARY.SIZE[1]", False),
        ("BODY", False),
        ("FULL", False),
    ],
)
def test_reading_marks_as_seen(filled: Lab, item: str, *, sets: bool) -> None:
    r"""Octets without PEEK set \Seen, and the answer tells the flags then, once (RFC 3501 6.4.5)."""
    client = filled.selected()
    first, again = (client.feed(f"a FETCH 1 {item}\r\n".encode()) for _ in range(2))
    assert (b"FLAGS (\\Seen \\Recent)" in first) is sets
    assert b"\\Seen" not in again
    assert (filled.alice.mailboxes["INBOX"].messages[0].flags == {"\\Seen"}) is sets
    both = client.feed(b"a FETCH 2 (FLAGS BODY[])\r\n")
    assert both.count(b"FLAGS (\\Seen \\Recent)") == 1


def test_fetch_of_what_is_gone(filled: Lab) -> None:
    """Messages another session expunged are left out, and the OK says so, until EXPUNGE can be told (RFC 5530)."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert client.do("FETCH 1:3 UID") == [
        b"* 1 FETCH (UID 1)",
        b"* 3 FETCH (UID 3)",
        b"OK [EXPUNGEISSUED] FETCH completed",
    ]
    assert client.do("STORE 2 +FLAGS (\\Seen)")[-1].startswith(b"NO [EXPUNGEISSUED]")
    assert client.do("SEARCH UID 1:3") == [b"* SEARCH 1 3", b"OK SEARCH completed"]
    assert client.do("UID FETCH 2 UID") == [b"* 2 EXPUNGE", b"* 4 RECENT", b"OK UID FETCH completed"]
    assert client.ok("FETCH 2 UID") == [b"* 2 FETCH (UID 3)"]


def test_copy_of_what_is_gone(filled: Lab) -> None:
    """COPY by number of an expunged message copies nothing; by UID it is unknown (RFC 2180 4.4)."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    assert client.do("COPY 1:2 Sent")[-1].startswith(b"NO [EXPUNGEISSUED]")
    assert filled.alice.mailboxes["Sent"].messages == []
    assert client.do("UID COPY 2 Sent") == [b"OK UID COPY completed"]


@pytest.mark.parametrize(
    ("flags", "change", "result"),
    [
        ("\\Seen", "+FLAGS (\\Answered)", b"\\Answered \\Seen"),
        ("\\Seen", "-FLAGS (\\Seen)", b""),
        ("\\Seen $a", "FLAGS ($b $a)", b"$a $b"),
        ("\\Seen", "FLAGS ()", b""),
        ("\\Seen", "+flags \\flagged \\DRAFT", b"\\Flagged \\Seen \\Draft"),
        ("$Mixed", "+FLAGS ($MIXED $other)", b"$Mixed $other"),
        ("$Mixed", "-FLAGS $mixed", b""),
        ("\\Seen", "+FLAGS (\\Seen)", b"\\Seen"),
    ],
)
def test_storing(lab: Lab, flags: str, change: str, result: bytes) -> None:
    """STORE replaces, adds and removes, and tells the flags; keywords keep their first spelling."""
    lab.deliver(message("one"), flags=flags.split())
    lab.client().ok("SELECT INBOX")
    client = lab.selected()
    answer = b"* 1 FETCH (FLAGS (" + result + b"))"
    assert client.ok(f"STORE 1 {change}")[-1] == answer
    assert client.ok("FETCH 1 FLAGS") == [answer]
    verb, space, rest = change.partition(" ")
    assert client.ok(f"STORE 1 {verb}.SILENT{space}{rest}") == []


@pytest.mark.parametrize(
    "arguments",
    [
        "1",
        "1 FLAGS",
        "1 XFLAGS (\\Seen)",
        "1 +FLAGS.LOUD (\\Seen)",
        "1 +FLAGS (\\Recent)",
        "1 +FLAGS (\\Nonsense)",
        "1 +FLAGS (\\*)",
        "1 +FLAGS (a]b)",
        "1 +FLAGS (\\Seen",
        "1 +FLAGS (\\Seen))",
        "9 +FLAGS (\\Seen)",
        "1 (UNCHANGEDSINCE) +FLAGS ()",
        "1 (XYZZY 1) +FLAGS ()",
    ],
)
def test_store_faults(filled: Lab, arguments: str) -> None:
    """Other forms are BAD and change nothing."""
    client = filled.selected()
    assert client.do(f"STORE {arguments}")[-1].startswith(b"BAD ")
    assert filled.alice.mailboxes["INBOX"].highest_modseq == 2


def test_new_keywords_are_announced_before_they_are_used(filled: Lab) -> None:
    """FLAGS and PERMANENTFLAGS come before the first FETCH with a keyword, in every session (RFC 3501 7.2.6)."""
    client, other = filled.selected(), filled.selected()
    known = [
        b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New)",
        b"* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $New \\*)] What can be kept",
    ]
    assert client.ok("STORE 1 +FLAGS ($New)") == [*known, b"* 1 FETCH (FLAGS ($New \\Recent))"]
    assert other.ok("FETCH 1 FLAGS")[:3] == [*known, b"* 1 FETCH (FLAGS ($New))"]
    assert client.ok("STORE 2 +FLAGS ($New)") == [b"* 2 FETCH (FLAGS ($New \\Recent))"]


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
        assert lines == [*moved, f"OK {verb} completed".encode()]
    else:
        assert lines == [b"OK " + code + f" {verb} completed".encode()]
    assert sent.messages[1].content == message("two")
    assert sent.messages[1].flags == {"\\Seen", "$k"}
    assert sent.messages[1].internal_date == datetime(2024, 2, 1, 12, 0, 0, tzinfo=UTC)
    assert client.do(f"{verb} 1 nothing")[-1].startswith(b"NO [TRYCREATE]")
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
    """What APPEND took, FETCH gives back octet for octet."""
    client = lab.selected()
    validity = lab.alice.mailboxes["INBOX"].uid_validity
    out = client.feed(b"a APPEND INBOX {%d}\r\n" % len(content))
    assert out == b"+ OK\r\n"
    out = client.feed(content + b"\r\n")
    assert out == b"* 1 EXISTS\r\n* 1 RECENT\r\na OK [APPENDUID %d 1] APPEND completed\r\n" % validity
    out = client.feed(b"b FETCH 1 (BODY.PEEK[] RFC822.SIZE)\r\n")
    size = len(content)
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
        ("INBOX {0+}\r\n", b"NO "),
        ("INBOX {1+}\r\nx {0+}\r\n", b"NO "),
        ("INBOX", b"BAD "),
        ("INBOX (\\Seen)", b"BAD "),
        ("INBOX (\\Recent) {1+}\r\nx", b"BAD "),
        ('INBOX "17-Jul-1996" {1+}\r\nx', b"BAD "),
        ('INBOX "32-Jul-1996 02:44:25 -0700" {1+}\r\nx', b"BAD "),
        ("INBOX {3+}\r\na\0b", b"BAD "),
        ("INBOX UTF8 (~{1+}\r\nx)", b"BAD "),
        ("INBOX {1+}\r\nx more", b"BAD "),
        ("INBOX ~{3+}\r\na\0b", b"OK "),
    ],
)
def test_append_faults(lab: Lab, arguments: str, verdict: bytes) -> None:
    """Nothing is stored when anything is wrong; NUL needs a literal8 (RFC 3501 4.3, RFC 3516 4.2)."""
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


def test_a_failing_store_is_told(filled: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store cannot keep something the answer is its NO, and the session goes on."""
    client = filled.selected()

    def fail(*_arguments: object, **_options: object) -> None:
        raise StoreError("The disk\r\nis full", code="UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "change_flags", fail)
        assert client.do("STORE 1 +FLAGS (\\Seen)") == [b"NO [UNAVAILABLE] The disk is full"]
        assert client.do("FETCH 1 BODY[]") == [b"NO [UNAVAILABLE] The disk is full"]
    assert client.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]


def test_long_answers_come_in_few_replies(lab: Lab) -> None:
    """Many lines are one reply; a reply is not much larger than 64 KiB unless one line is."""
    lab.deliver(*(message(str(n)) for n in range(3000)))
    client = lab.selected()
    before = len(client.replies)
    client.ok("FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)")
    sizes = [len(reply.raw) for reply in client.replies[before:-1]]
    assert sum(sizes) > 200_000
    assert max(sizes) < 70_000
    assert len(sizes) < 10


SEARCHES = [
    ("SEARCH ALL", [b"* SEARCH 1 2 3 4 5"]),
    ("SEARCH SUBJECT o", [b"* SEARCH 1 2 4"]),
    ("UID SEARCH SUBJECT o UNSEEN", [b"* SEARCH 1 2 4"]),
    ("SEARCH SUBJECT nothing", [b"* SEARCH"]),
    ("SEARCH CHARSET utf-8 SUBJECT {3+}\r\ntwo", [b"* SEARCH 2"]),
    ("SEARCH RETURN (MIN MAX COUNT ALL) SUBJECT o", [b'* ESEARCH (TAG "t2") MIN 1 MAX 4 COUNT 3 ALL 1:2,4']),
    ("SEARCH RETURN () SUBJECT o", [b'* ESEARCH (TAG "t2") ALL 1:2,4']),
    ("UID SEARCH RETURN (MAX) SUBJECT o", [b'* ESEARCH (TAG "t2") UID MAX 4']),
    ("SEARCH RETURN (MIN COUNT) SUBJECT nothing", [b'* ESEARCH (TAG "t2") COUNT 0']),
    ("UID SEARCH RETURN (ALL) SUBJECT nothing", [b'* ESEARCH (TAG "t2") UID']),
    ("SEARCH RETURN (SAVE) SUBJECT o", []),
    ("SORT (SUBJECT) UTF-8 ALL", [b"* SORT 5 4 1 3 2"]),
    ("UID SORT (REVERSE SUBJECT) US-ASCII SUBJECT o", [b"* SORT 2 1 4"]),
    (
        "SORT RETURN (MIN MAX ALL COUNT) (SUBJECT) UTF-8 ALL",
        [b'* ESEARCH (TAG "t2") MIN 5 MAX 2 COUNT 5 ALL 5,4,1,3,2'],
    ),
    ("SORT (DISPLAYFROM) UTF-8 ALL", [b"* SORT 1 2 3 4 5"]),
    ("THREAD ORDEREDSUBJECT UTF-8 SUBJECT o", [b"* THREAD (1)(2)(4)"]),
    ("UID THREAD REFERENCES UTF-8 ALL", [b"* THREAD (1)(2)(3)(4)(5)"]),
    ("THREAD REFERENCES UTF-8 SUBJECT nothing", [b"* THREAD"]),
    ("SEARCH OLDER 1", [b"* SEARCH 1 2 3 4 5"]),
]


@pytest.mark.parametrize(("command", "answer"), SEARCHES)
def test_searching(filled: Lab, command: str, answer: list[bytes]) -> None:
    """SEARCH, SORT and THREAD answer with numbers or UIDs, or with what RETURN asked for (RFC 4731, RFC 5267)."""
    assert filled.selected().ok(command) == answer


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ("SEARCH", b"BAD "),
        ("SEARCH XYZZY", b"BAD "),
        ("SEARCH CHARSET", b"BAD "),
        ("SEARCH CHARSET x-unknown ALL", b"NO [BADCHARSET ("),
        ("SEARCH RETURN (XYZZY) ALL", b"BAD "),
        ("SEARCH RETURN (ALL)", b"BAD "),
        ("SEARCH RETURN ALL", b"BAD "),
        ("SORT () UTF-8 ALL", b"BAD "),
        ("SORT (XYZZY) UTF-8 ALL", b"BAD "),
        ("SORT (DATE) ALL", b"BAD "),
        ("SORT (DATE) x-unknown ALL", b"NO [BADCHARSET ("),
        ("THREAD XYZZY UTF-8 ALL", b"BAD "),
        ("THREAD REFERENCES x-unknown ALL", b"NO [BADCHARSET ("),
    ],
)
def test_search_faults(filled: Lab, command: str, verdict: bytes) -> None:
    """Faults are BAD; a charset that is not known is NO [BADCHARSET] with those that are (RFC 5530)."""
    assert filled.selected().do(command)[-1].startswith(verdict)


@pytest.mark.parametrize(
    ("without", "command"),
    [
        ("ESEARCH", "SEARCH RETURN (MIN) ALL"),
        ("ESEARCH", "SORT RETURN (MIN) (DATE) UTF-8 ALL"),
        ("ESORT", "SORT RETURN (MIN) (DATE) UTF-8 ALL"),
        ("SORT=DISPLAY", "SORT (DISPLAYTO) UTF-8 ALL"),
        ("SEARCHRES", "SEARCH RETURN (SAVE) ALL"),
        ("SEARCHRES", "SEARCH $"),
        ("SEARCHRES", "FETCH $ FLAGS"),
        ("WITHIN", "SEARCH OLDER 1"),
        ("CONDSTORE", "SEARCH MODSEQ 1"),
        ("CONDSTORE", "FETCH 1 MODSEQ"),
        ("CONDSTORE", "FETCH 1 FLAGS (CHANGEDSINCE 1)"),
        ("CONDSTORE", "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()"),
        ("BINARY", "FETCH 1 BINARY[1]"),
        ("BINARY", "FETCH 1 BINARY.SIZE[1]"),
        ("BINARY", "APPEND INBOX ~{1+}\r\nx"),
    ],
)
def test_without_an_extension(filled: Lab, without: str, command: str) -> None:
    """What an extension adds to the grammar is BAD without it."""
    assert filled.selected().do(command)[-1].startswith(b"OK ")
    assert filled.selected(without={without}).do(command)[-1].startswith(b"BAD ")


def test_saved_results(filled: Lab) -> None:
    """``$`` is the last saved result, wherever a set may be; it follows EXPUNGE and ends with SELECT (RFC 5182)."""
    client = filled.selected()
    assert client.ok("FETCH $ UID") == []
    client.ok("SEARCH RETURN (SAVE) SUBJECT o")
    assert client.ok("FETCH $ UID") == [b"* %d FETCH (UID %d)" % (n, n) for n in (1, 2, 4)]
    assert client.ok("UID STORE $ +FLAGS.SILENT (\\Flagged)") == []
    assert client.ok("SEARCH FLAGGED NOT $") == [b"* SEARCH"]
    assert client.ok("SEARCH RETURN (COUNT) $ SUBJECT one") == [b'* ESEARCH (TAG "t7") COUNT 1']
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert client.ok("UID EXPUNGE $") == [b"* 1 EXPUNGE", b"* 4 RECENT"]
    assert client.ok("UID FETCH $ UID") == [b"* 1 FETCH (UID 2)", b"* 3 FETCH (UID 4)"]
    client.ok("UID SEARCH RETURN (SAVE MIN) ALL")
    assert client.ok("FETCH $ UID") == [b"* 1 FETCH (UID 2)"]
    client.ok("SEARCH RETURN (SAVE MIN MAX) ALL")
    assert client.ok("UID FETCH $ UID") == [b"* 1 FETCH (UID 2)", b"* 4 FETCH (UID 5)"]
    assert client.ok("COPY $ Sent") == []
    client.ok("SELECT INBOX")
    assert client.ok("FETCH $ UID") == []
