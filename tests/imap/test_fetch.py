"""Claims about FETCH: items, numbers, UIDs, what is gone, and how long answers are sent."""

from __future__ import annotations

import pytest

from labserver.errors import StorageFullError, StoreError
from labserver.mailstore.mailbox import Mailbox
from labserver.mailstore.message import Message
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


def test_names_of_items(filled: Lab) -> None:
    """An item's name is read whole, hyphens included, so that an extension may bring any."""
    assert filled.selected().do("FETCH 1 (X-GM-MSGID)") == [b"BAD Unknown FETCH item X-GM-MSGID"]


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
    assert client.do("STORE 2 +FLAGS (\\Seen)") == [b"OK [EXPUNGEISSUED] STORE completed"]
    assert client.do("SEARCH UID 1:3") == [b"* SEARCH 1 3", b"OK SEARCH completed"]
    assert client.do("UID FETCH 2 UID") == [b"* 2 EXPUNGE", b"* 4 RECENT", b"OK UID FETCH completed"]
    assert client.ok("FETCH 2 UID") == [b"* 2 FETCH (UID 3)"]


@pytest.mark.parametrize(
    "item", ["BODY.PEEK[]", "(UID ENVELOPE)", "BODYSTRUCTURE", "BINARY.PEEK[1]", "BODY.PEEK[]<0.9>"]
)
def test_fetch_of_what_cannot_be_read(filled: Lab, monkeypatch: pytest.MonkeyPatch, item: str) -> None:
    """One message on a broken page: the others are told, and then what is wrong; the session goes on."""
    client = filled.selected()
    whole = client.do(f"FETCH 1,3:5 {item}")
    broken = filled.alice.mailboxes["INBOX"].messages[1]
    content = vars(Message)["content"].fget

    def read(message: Message) -> bytes:
        if message is broken:
            raise StoreError("The mail store could not be read: it is damaged.")
        octets: bytes = content(message)
        return octets

    monkeypatch.setattr(Message, "content", property(read))
    *lines, verdict = client.do(f"FETCH 1:5 {item}")
    assert verdict == b"NO [UNAVAILABLE] The mail store could not be read: it is damaged."
    assert lines == whole[:-1]
    assert client.do("FETCH 2 (UID RFC822.SIZE)")[-1] == b"OK FETCH completed"


def test_a_full_disk_does_not_keep_from_reading(filled: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    r"""What cannot be marked as ``\Seen`` is sent without the mark."""

    def full(*_: object, **__: object) -> None:
        raise StorageFullError

    monkeypatch.setattr(Mailbox, "change_flags", full)
    client = filled.selected()
    answer = client.feed(b"a FETCH 1:2 BODY[TEXT]\r\n")
    assert answer.count(b" FETCH (BODY[TEXT] {") == 2
    assert b"\\Seen" not in answer
    assert answer.endswith(b"a OK FETCH completed\r\n")


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
