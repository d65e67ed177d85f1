"""Claims about the extensions that have a behaviour of their own: CONDSTORE, BINARY, UTF8=ACCEPT, IDLE and QUOTA."""

from __future__ import annotations

import base64

import pytest

from labserver.limits import Limits
from tests.imap.driver import Lab, message

# CONDSTORE (RFC 7162)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("FETCH 1 MODSEQ", [b"* OK [HIGHESTMODSEQ 2] Conditional store is on", b"* 1 FETCH (MODSEQ (2))"]),
        (
            "STATUS INBOX (HIGHESTMODSEQ)",
            [b"* OK [HIGHESTMODSEQ 2] Conditional store is on", b"* STATUS INBOX (HIGHESTMODSEQ 2)"],
        ),
        ('LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ))', [b"* OK [HIGHESTMODSEQ 2] Conditional store is on"]),
        ("ENABLE CONDSTORE", [b"* ENABLED CONDSTORE", b"* OK [HIGHESTMODSEQ 2] Conditional store is on"]),
        ("SEARCH MODSEQ 3", [b"* OK [HIGHESTMODSEQ 2] Conditional store is on", b"* SEARCH"]),
        ("FETCH 1 FLAGS (CHANGEDSINCE 2)", [b"* OK [HIGHESTMODSEQ 2] Conditional store is on"]),
        ("STORE 1 (UNCHANGEDSINCE 1) FLAGS ()", [b"* OK [HIGHESTMODSEQ 2] Conditional store is on"]),
    ],
)
def test_what_enables_condstore(filled: Lab, command: str, answer: list[bytes]) -> None:
    """Asking for mod-sequences is enough; the mailbox's is told once, and flags carry theirs from then on (3.1)."""
    client = filled.selected()
    assert client.ok("STORE 1 -FLAGS (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Recent))"]
    assert client.ok(command)[: len(answer)] == answer
    assert not any(b"Conditional" in line for line in client.ok(command))
    assert client.ok("STORE 1 +FLAGS (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (3))"]
    assert client.ok("STORE 2 +FLAGS.SILENT (\\Seen)") == [b"* 2 FETCH (MODSEQ (4))"]


def test_select_enables_condstore(filled: Lab) -> None:
    """SELECT (CONDSTORE) enables it, and another session's changes come with their number (3.1.8)."""
    client = filled.client()
    client.ok("SELECT INBOX (CONDSTORE)")
    filled.selected().ok("STORE 2 +FLAGS (\\Seen)")
    assert client.ok("NOOP") == [b"* 2 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (3))"]
    assert client.do("SELECT INBOX (XYZZY)")[-1].startswith(b"BAD ")


def test_changed_since(filled: Lab) -> None:
    """FETCH with CHANGEDSINCE tells what has a higher number, with it (3.1.4.1)."""
    client = filled.selected()
    client.ok("STORE 2,4 +FLAGS.SILENT (\\Seen)")
    client.ok("STORE 4 +FLAGS.SILENT (\\Flagged)")
    assert client.ok("FETCH 1:* FLAGS (CHANGEDSINCE 3)")[1:] == [
        b"* 4 FETCH (FLAGS (\\Flagged \\Seen \\Recent) MODSEQ (4))"
    ]
    assert client.ok("UID FETCH 1:* MODSEQ (CHANGEDSINCE 2)") == [
        b"* 2 FETCH (UID 2 MODSEQ (3))",
        b"* 4 FETCH (UID 4 MODSEQ (4))",
    ]
    assert client.ok("FETCH 1:* FLAGS (CHANGEDSINCE 4)") == []


@pytest.mark.parametrize(("verb", "failed"), [("STORE", b"2:3"), ("UID STORE", b"3:4")])
def test_unchanged_since(filled: Lab, verb: str, failed: bytes) -> None:
    """STORE with UNCHANGEDSINCE passes over what changed later and lists it in MODIFIED (3.1.3)."""
    filled.deliver(message("six"))
    client, other = filled.selected(), filled.selected()
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    client.ok("EXPUNGE")
    other.ok("NOOP")
    other.ok("STORE 2:3 +FLAGS.SILENT (\\Answered)")
    base = 3
    wanted = "1:4" if verb == "STORE" else "2:5"
    *lines, verdict = client.do(f"{verb} {wanted} (UNCHANGEDSINCE {base}) +FLAGS.SILENT (\\Flagged)")
    assert verdict == b"OK [MODIFIED " + failed + b"] " + verb.encode() + b" completed"
    changed = [line for line in lines if b"MODSEQ (7)" in line]
    if verb == "STORE":
        assert changed == [b"* 1 FETCH (MODSEQ (7))", b"* 4 FETCH (MODSEQ (7))"]
    else:
        assert changed == [b"* 1 FETCH (UID 2 MODSEQ (7))", b"* 4 FETCH (UID 5 MODSEQ (7))"]
    flags = [item.flags for item in filled.alice.mailboxes["INBOX"].messages]
    assert flags == [{"\\Flagged"}, {"\\Answered"}, {"\\Answered"}, {"\\Flagged"}, frozenset()]


def test_unchanged_since_nothing(filled: Lab) -> None:
    """UNCHANGEDSINCE 0 never stores, because every message has a number (3.1.3)."""
    client = filled.selected()
    assert client.do("STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)")[-1] == b"OK [MODIFIED 1] STORE completed"
    assert client.ok("STORE 1 (UNCHANGEDSINCE 9223372036854775807) +FLAGS (\\Seen)") == [
        b"* 1 FETCH (FLAGS (\\Seen \\Recent) MODSEQ (3))"
    ]
    assert client.do("STORE 1 (UNCHANGEDSINCE 9223372036854775808) +FLAGS (\\Seen)")[-1].startswith(b"BAD ")


def test_search_by_modseq(filled: Lab) -> None:
    """A search by MODSEQ tells the highest number it found, in its own form for ESEARCH (3.1.5, 3.1.10)."""
    client = filled.selected()
    client.ok("ENABLE CONDSTORE")
    client.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
    client.ok("STORE 4 +FLAGS.SILENT (\\Seen)")
    assert client.ok("SEARCH MODSEQ 3") == [b"* SEARCH 2 4 (MODSEQ 4)"]
    assert client.ok('UID SEARCH OR MODSEQ "/flags/\\\\Seen" all 4 SUBJECT one') == [b"* SEARCH 1 4 (MODSEQ 4)"]
    assert client.ok("SEARCH NOT MODSEQ 5 SUBJECT two") == [b"* SEARCH 2 (MODSEQ 3)"]
    assert client.ok("SEARCH MODSEQ 9") == [b"* SEARCH"]
    assert client.ok("SEARCH RETURN (MIN) MODSEQ 3") == [b'* ESEARCH (TAG "t9") MIN 2 MODSEQ 3']
    assert client.ok("SEARCH RETURN (MIN MAX) MODSEQ 3") == [b'* ESEARCH (TAG "t10") MIN 2 MAX 4 MODSEQ 4']
    assert client.ok("SEARCH RETURN (COUNT) MODSEQ 9") == [b'* ESEARCH (TAG "t11") COUNT 0']
    assert client.ok("SORT (REVERSE DATE) UTF-8 MODSEQ 3") == [b"* SORT 2 4 (MODSEQ 4)"]


def test_seen_carries_a_number(filled: Lab) -> None:
    r"""Setting \Seen by reading tells the new number to a client that knows them, and to the others (3.1)."""
    client, other = filled.client(), filled.client()
    client.ok("SELECT INBOX (CONDSTORE)")
    other.ok("SELECT INBOX (CONDSTORE)")
    assert client.feed(b"a FETCH 1 BODY[TEXT]\r\n").endswith(
        b" FLAGS (\\Seen \\Recent) MODSEQ (3))\r\na OK FETCH completed\r\n"
    )
    assert other.ok("NOOP") == [b"* 1 FETCH (FLAGS (\\Seen) MODSEQ (3))"]


def test_without_condstore(filled: Lab) -> None:
    """Without it no number is told."""
    client = filled.selected(without={"CONDSTORE"})
    assert not any(b"MODSEQ" in line for line in client.ok("SELECT INBOX"))
    assert client.ok("STORE 1 +FLAGS (\\Seen)") == [b"* 1 FETCH (FLAGS (\\Seen))"]


# BINARY (RFC 3516)

NUL = b"a\0b\xff\r\n"


def encoded(encoding: bytes, body: bytes) -> bytes:
    """Return a message with two parts, the second in an encoding."""
    return (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\ntext\r\n--x\r\n"
        b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: "
        + encoding
        + b"\r\n\r\n"
        + body
        + b"\r\n--x--\r\n"
    )


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        ("BINARY.PEEK[2]", b"BINARY[2] ~{6}\r\n" + NUL),
        ("BINARY.PEEK[2]<2.3>", b"BINARY[2]<2> {3}\r\nb\xff\r"),
        ("BINARY.PEEK[2]<0.2>", b"BINARY[2]<0> ~{2}\r\na\0"),
        ("BINARY.SIZE[2]", b"BINARY.SIZE[2] 6"),
        ("BINARY.PEEK[1]", b"BINARY[1] {4}\r\ntext"),
        ("BINARY.PEEK[3]", b"BINARY[3] NIL"),
        ("BINARY.SIZE[3]", b"BINARY.SIZE[3] 0"),
    ],
)
def test_parts_without_their_encoding(lab: Lab, items: str, answer: bytes) -> None:
    """A part comes decoded, in a literal8 if it holds NUL (RFC 3516 4.2)."""
    lab.deliver(encoded(b"base64", base64.b64encode(NUL)))
    out = lab.selected().feed(f"a FETCH 1 ({items})\r\n".encode())
    assert out == b"* 1 FETCH (" + answer + b")\r\na OK FETCH completed\r\n"


def test_the_whole_message_is_never_decoded(lab: Lab) -> None:
    """BINARY[] is the message as it is."""
    content = encoded(b"base64", base64.b64encode(NUL))
    lab.deliver(content)
    out = lab.selected().feed(b"a FETCH 1 (BINARY.PEEK[] BINARY.SIZE[])\r\n")
    assert out.startswith(b"* 1 FETCH (BINARY[] {%d}\r\n%b BINARY.SIZE[] %d)" % (len(content), content, len(content)))


def test_an_unknown_encoding(lab: Lab) -> None:
    """A part that cannot be decoded fails the command with UNKNOWN-CTE; the other messages are told (4.3)."""
    lab.deliver(encoded(b"x-rot13", b"grkg"), encoded(b"8bit", b"text"))
    out = lab.selected().feed(b"a FETCH 1:2 BINARY.PEEK[2]\r\n")
    assert (
        out
        == b"* 2 FETCH (BINARY[2] {4}\r\ntext)\r\na NO [UNKNOWN-CTE] A part has an encoding that is not known here\r\n"
    )


def test_literal8_is_stored_as_it_came(lab: Lab) -> None:
    """APPEND takes NUL in a literal8 and BINARY gives it back; BODY[] has another octet in its place."""
    content = encoded(b"binary", NUL)
    client = lab.selected()
    assert client.feed(b"a APPEND INBOX ~{%d}\r\n" % len(content)) == b"+ OK\r\n"
    assert b"a OK [APPENDUID" in client.feed(content + b"\r\n")
    out = client.feed(b"b FETCH 1 (BODY.PEEK[] BINARY.PEEK[2])\r\n")
    assert out.startswith(
        b"* 1 FETCH (BODY[] {%d}\r\n%b BINARY[2] ~{6}\r\n%b)" % (len(content), content.replace(b"\0", b"\x80"), NUL)
    )


_BINARY_HEADER = b"Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: %b\r\n\r\n"


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        ("BODY.PEEK[2]", b"BODY[2] {8}\r\nYQBi/w0K"),
        ("BODY.PEEK[2]<2.3>", b"BODY[2]<2> {3}\r\nBi/"),
        ("BODY.PEEK[2]<8.3>", b"BODY[2]<8> {0}\r\n"),
        ("BODY.PEEK[2.MIME]", b"BODY[2.MIME] {77}\r\n" + _BINARY_HEADER % b"base64"),
        ("BODY.PEEK[1]", b"BODY[1] {4}\r\ntext"),
        ("BINARY.PEEK[2]", b"BINARY[2] ~{6}\r\n" + NUL),
        ("BINARY.SIZE[2]", b"BINARY.SIZE[2] 6"),
    ],
)
def test_a_binary_part_is_given_as_base64(lab: Lab, items: str, answer: bytes) -> None:
    """Clients without BINARY get every octet of a part that no literal can hold, and its header says how."""
    lab.deliver(encoded(b"binary", NUL))
    client = lab.selected()
    assert (
        client.feed(f"a FETCH 1 ({items})\r\n".encode()) == b"* 1 FETCH (" + answer + b")\r\na OK FETCH completed\r\n"
    )
    assert b'"application" "octet-stream" NIL NIL NIL "base64" 8' in client.feed(b"b FETCH 1 BODYSTRUCTURE\r\n")


def test_a_message_that_is_one_binary_part(lab: Lab) -> None:
    """Its part is base64; as a whole it is what came, 0x80 for NUL, and as long as its size says."""
    content = _BINARY_HEADER % b"binary" + NUL
    shown = content.replace(b"\0", b"\x80")
    lab.deliver(content)
    out = lab.selected().feed(b"a FETCH 1 (BODY.PEEK[] RFC822.SIZE BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[TEXT])\r\n")
    assert out.removesuffix(b"a OK FETCH completed\r\n") == b"* 1 FETCH (%b)\r\n" % b" ".join(
        [
            b"BODY[] {%d}\r\n%b" % (len(content), shown),
            b"RFC822.SIZE %d" % len(content),
            b"BODY[1] {8}\r\nYQBi/w0K",
            b"BODY[1.MIME] {77}\r\n" + _BINARY_HEADER % b"base64",
            b"BODY[TEXT] {6}\r\n" + shown[-6:],
        ]
    )


# UTF8=ACCEPT (RFC 6855)


def test_names_in_utf8(lab: Lab) -> None:
    """Once enabled, names are UTF-8 in both directions; before, they are modified UTF-7."""
    client = lab.client()
    client.ok("CREATE Entw&APw-rfe")
    assert client.do('SELECT "Entwürfe"')[-1].startswith(b"NO [CANNOT]")
    client.ok("ENABLE UTF8=ACCEPT")
    assert client.ok('LIST "" Entw*') == ['* LIST (\\HasNoChildren) "/" "Entwürfe"'.encode()]
    client.ok('CREATE "a&-b"')
    client.ok('SELECT "Entwürfe"')
    assert client.ok('STATUS "Entwürfe" (MESSAGES)') == ['* STATUS "Entwürfe" (MESSAGES 0)'.encode()]
    assert lab.client().ok('LIST "" a*') == [b'* LIST (\\HasNoChildren) "/" a&--b']
    assert client.do(b'CREATE "\xff"')[-1].startswith(b"NO [CANNOT]")


def test_appending_utf8(lab: Lab) -> None:
    """APPEND UTF8 (~{…}) is taken once enabled (4)."""
    content = "Subject: ü\r\n\r\nx".encode()
    client = lab.selected()
    append = b"APPEND INBOX (\\Seen) UTF8 (~{%d+}\r\n%b)" % (len(content), content)
    assert client.do(append)[-1].startswith(b"BAD ")
    client.ok("ENABLE UTF8=ACCEPT")
    client.ok(append)
    assert lab.alice.mailboxes["INBOX"].messages[0].content == content
    assert client.do(append[:-1])[-1].startswith(b"BAD ")


def test_searching_utf8(lab: Lab) -> None:
    """Strings in a search are UTF-8 then, and a charset is BAD (3)."""
    lab.deliver("Subject: über\r\n\r\nx".encode())
    client = lab.selected()
    client.ok("ENABLE UTF8=ACCEPT")
    assert client.ok('SEARCH SUBJECT "ÜBER"') == [b"* SEARCH 1"]
    assert client.do("SEARCH CHARSET UTF-8 ALL")[-1].startswith(b"BAD ")


# IDLE (RFC 2177)


def test_idling(filled: Lab) -> None:
    """What waits is told at once, then changes as they happen, in the usual order; DONE ends it."""
    client, other = filled.selected(), filled.selected()
    other.ok("STORE 1 +FLAGS.SILENT (\\Seen)")
    assert client.feed(b"a IDLE\r\n") == b"+ idling\r\n* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n"
    told = client.link.notified
    other.ok("STORE 2:3 +FLAGS.SILENT (\\Deleted)")
    other.ok("EXPUNGE")
    filled.deliver(message("six"))
    assert client.link.notified > told
    assert client.unsolicited() == b"* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 4 EXISTS\r\n* 4 RECENT\r\n"
    assert client.unsolicited() == b""
    assert client.feed(b"done\r\n") == b"a OK IDLE completed\r\n"
    filled.deliver(message("seven"))
    assert client.unsolicited() == b""
    assert client.ok("NOOP") == [b"* 5 EXISTS", b"* 5 RECENT"]


def test_idling_without_a_mailbox(lab: Lab) -> None:
    """IDLE is possible when nothing is selected; there is nothing to tell then."""
    client = lab.client()
    assert client.feed(b"a IDLE\r\n") == b"+ idling\r\n"
    assert client.unsolicited() == b""
    assert client.feed(b"DONE\r\nb NOOP\r\n") == b"a OK IDLE completed\r\nb OK NOOP completed\r\n"


def test_idle_ends_with_anything_else_as_bad(filled: Lab) -> None:
    """A line that is not DONE ends it with BAD, is not a command, and a changed mailbox is told before that."""
    client = filled.selected()
    client.feed(b"a IDLE\r\n")
    filled.deliver(message("six"))
    out = client.feed(b"b NOOP\r\n")
    assert out == b"* 6 EXISTS\r\n* 6 RECENT\r\na BAD IDLE ends with DONE\r\n"
    assert client.feed(b"c NOOP\r\n") == b"c OK NOOP completed\r\n"


def test_a_connection_lost_while_idling(filled: Lab) -> None:
    """The exchange can be dropped where it stands; nothing is told afterwards."""
    client = filled.selected()
    client.feed(b"a IDLE\r\n")
    client.hang_up()
    filled.deliver(message("six"))
    assert client.unsolicited() == b""


def test_a_mailbox_deleted_while_idling(lab: Lab) -> None:
    """IDLE goes on in silence."""
    lab.alice.create("doomed")
    client = lab.selected("doomed")
    client.feed(b"a IDLE\r\n")
    lab.client().ok("DELETE doomed")
    assert client.unsolicited() == b""
    assert client.feed(b"DONE\r\n") == b"a OK IDLE completed\r\n"


# APPENDLIMIT (RFC 7889)


def test_appendlimit(lab: Lab) -> None:
    """The capability tells the limit for all mailboxes (3.1)."""
    assert b" APPENDLIMIT=52428800 " in lab.client().ok("CAPABILITY")[0]


# QUOTA (RFC 9208)


def test_quota_of_a_mailbox_and_of_the_account() -> None:
    """A mailbox has octets and messages, in units of 1024 rounded up; the account has mailboxes."""
    lab = Lab(limits=Limits(mailbox_size=10_240, mailbox_messages=7, mailboxes=20))
    lab.deliver(b"x" * 1024, b"y")
    client = lab.client()
    used = len(lab.alice.mailboxes)
    assert client.ok("GETQUOTAROOT inbox") == [
        b'* QUOTAROOT INBOX INBOX ""',
        b"* QUOTA INBOX (STORAGE 2 10 MESSAGE 2 7)",
        b'* QUOTA "" (MAILBOX %d 20)' % used,
    ]
    client.ok("CREATE a/b")
    assert client.ok('GETQUOTA ""') == [b'* QUOTA "" (MAILBOX %d 20)' % (used + 2)]
    assert client.ok("GETQUOTA a/b") == [b"* QUOTA a/b (STORAGE 0 10 MESSAGE 0 7)"]


def test_quota_roots_are_named_as_mailboxes_are(lab: Lab) -> None:
    """Modified UTF-7 and spaces; a mailbox that does not exist has the account's root only, and is no root itself."""
    lab.alice.create("Entwürfe 2")
    client = lab.client()
    name = b'"Entw&APw-rfe 2"'
    assert client.ok(f"GETQUOTAROOT {name.decode()}")[0] == b'* QUOTAROOT %b %b ""' % (name, name)
    assert client.ok(f"GETQUOTA {name.decode()}")[0].startswith(b"* QUOTA %b (STORAGE 0 " % name)
    assert client.ok("GETQUOTAROOT nowhere")[0] == b'* QUOTAROOT nowhere ""'
    assert client.do("GETQUOTA nowhere")[-1].startswith(b"NO [NONEXISTENT]")
    assert client.do("GETQUOTA &xxx")[-1].startswith(b"BAD")


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        ('SETQUOTA "" ()', b"NO [NOPERM]"),
        ("SETQUOTA INBOX (STORAGE 512 MESSAGE 3)", b"NO [NOPERM]"),
        ("SETQUOTA nowhere (STORAGE 512)", b"NO [NOPERM]"),
        ("SETQUOTA INBOX (STORAGE)", b"BAD"),
        ("SETQUOTA INBOX", b"BAD"),
        ("SETQUOTA", b"BAD"),
        ("GETQUOTA", b"BAD"),
        ("GETQUOTAROOT INBOX more", b"BAD"),
    ],
)
def test_nobody_sets_a_quota(lab: Lab, command: str, verdict: bytes) -> None:
    """The limits are the lab's options (4.1.3)."""
    assert lab.client().do(command)[-1].startswith(verdict)


def test_what_expunging_would_free(lab: Lab) -> None:
    """STATUS tells messages marked as deleted, and their octets (4.1.4)."""
    lab.deliver(b"12345", b"123", b"1")
    client = lab.selected()
    client.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    assert client.ok("STATUS INBOX (DELETED DELETED-STORAGE)")[0] == b"* STATUS INBOX (DELETED 2 DELETED-STORAGE 8)"
