"""Claims about STORE, and about what extensions add to the commands on messages."""

from __future__ import annotations

import pytest

from labserver.errors import StoreError
from labserver.limits import Limits
from labserver.mailstore.mailbox import Mailbox
from tests.imap.driver import Lab, message


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


def test_a_failing_store_is_told(filled: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store cannot keep something the answer is its NO, and the session goes on."""
    client = filled.selected()

    def fail(*_arguments: object, **_options: object) -> None:
        raise StoreError("The disk\r\nis full", code="UNAVAILABLE")

    with monkeypatch.context() as patch:
        patch.setattr(Mailbox, "commit_flags", fail)
        assert client.do("STORE 1 +FLAGS (\\Seen)") == [b"NO [UNAVAILABLE] The disk is full"]
        assert client.do("FETCH 1 BODY[]") == [b"NO [UNAVAILABLE] The disk is full"]
    assert client.ok("FETCH 1 FLAGS") == [b"* 1 FETCH (FLAGS (\\Recent))"]


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
        ("SAVEDATE", "SEARCH SAVEDSINCE 1-Jan-2026"),
        ("SAVEDATE", "SEARCH SAVEDATESUPPORTED"),
        ("SAVEDATE", "FETCH 1 SAVEDATE"),
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


@pytest.fixture
def narrow() -> Lab:
    """Return a lab whose mailboxes hold two keywords, with three messages in INBOX."""
    lab = Lab(limits=Limits(keywords=2))
    lab.deliver(message("one"), message("two"), message("three"))
    return lab


@pytest.mark.parametrize(
    "command",
    [
        "STORE 1:3 +FLAGS (c)",
        "STORE 3 FLAGS (b c)",
        "UID STORE 1 +FLAGS.SILENT (c d)",
        "APPEND INBOX (c) {1+}\r\nx",
        "APPEND INBOX (a) {1+}\r\nx (c) {1+}\r\nx",
        "COPY 1:3 Sent",
        "MOVE 1:3 Sent",
    ],
)
def test_too_many_keywords(narrow: Lab, command: str) -> None:
    """``NO [LIMIT]``, and nothing of the command was done (RFC 5530 3)."""
    inbox, sent = narrow.alice.mailboxes["INBOX"], narrow.alice.mailboxes["Sent"]
    narrow.deliver(message("there"), mailbox="Sent", flags=["x"])
    client = narrow.selected()
    client.ok("STORE 1 +FLAGS (a)")
    client.ok("STORE 2 +FLAGS (b)")
    before = [(item.uid, item.flags, item.modseq) for item in (*inbox.messages, *sent.messages)]
    *lines, verdict = client.do(command)
    assert verdict.startswith(b"NO [LIMIT] "), verdict
    assert lines == []
    assert [(item.uid, item.flags, item.modseq) for item in (*inbox.messages, *sent.messages)] == before
    assert client.ok("STORE 3 +FLAGS (a b)")[-1] == b"* 3 FETCH (FLAGS (a b \\Recent))"


def test_room_for_keywords_is_told(narrow: Lab) -> None:
    r"""PERMANENTFLAGS has ``\*`` while a keyword can be made, and not longer (RFC 3501 7.1); everybody is told."""
    client, other = narrow.selected(), narrow.selected()
    system = b"\\Answered \\Flagged \\Deleted \\Seen \\Draft"
    full = [b"* FLAGS (%b a b)" % system, b"* OK [PERMANENTFLAGS (%b a b)] What can be kept" % system]
    assert client.ok("STORE 1 +FLAGS (a b)")[:2] == full
    assert other.ok("NOOP")[:2] == full
    client.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    other.ok("NOOP")
    empty = [b"* FLAGS (%b)" % system, b"* OK [PERMANENTFLAGS (%b \\*)] What can be kept" % system]
    assert client.ok("EXPUNGE")[-2:] == empty
    assert other.ok("NOOP")[-2:] == empty
    assert other.ok("NOOP") == []


@pytest.mark.parametrize(
    "command",
    ["SEARCH KEYWORD invented", "SEARCH UNKEYWORD invented", "STORE 1 -FLAGS (invented)", "STORE 9 +FLAGS (x)"],
)
def test_a_keyword_that_no_message_gets_is_not_remembered(narrow: Lab, command: str) -> None:
    """However often it is asked for."""
    client = narrow.selected()
    for _ in range(5):
        client.do(command)
    assert narrow.alice.mailboxes["INBOX"].keywords == []
    assert b"invented" not in b"".join(client.ok("SELECT INBOX"))


def test_an_idle_session_is_told_of_keywords(narrow: Lab) -> None:
    """New ones and forgotten ones, before it hears of the flags."""
    client, other = narrow.selected(), narrow.selected()
    other.do("IDLE")
    client.ok("STORE 1 +FLAGS (a)")
    assert other.unsolicited().startswith(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft a)\r\n")
    client.ok("STORE 1 -FLAGS (a)")
    assert other.unsolicited().startswith(b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n")
