"""Claims about input that is wrong on purpose: the session always answers, never fails, and can be used afterwards."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labserver.imap.dialect import compose
from labserver.imap.extensions.table import EXTENSIONS
from labserver.limits import Limits
from tests.imap.driver import Lab, message

LIMITS = Limits(message_size=4_000, imap_line=4_000, bad_commands=1_000_000, mailboxes=50, mailbox_messages=50)
VERBS = sorted(compose(frozenset(EXTENSIONS), Limits()).commands)
WORDS = [
    *VERBS,
    *("INBOX", "Sent", '"a b"', '""', "a/b/c", "&APw-", "&bad", "nothing", '"Entwürfe"', "inbox/x", "*", "%", '"%*"'),
    *("1", "1:*", "*", "2,3", "$", "0", "9", "4294967296", "1:4294967295", "18446744073709551616", "-1", "NIL", "~"),
    *(
        "FLAGS",
        "+FLAGS",
        "-FLAGS.SILENT",
        "(\\Seen)",
        "(\\Deleted $k)",
        "()",
        "(",
        ")",
        "((",
        "))",
        "\\Recent",
        "\\*",
        "]",
    ),
    *(
        "ALL",
        "FULL",
        "(FLAGS UID)",
        "BODY",
        "BODY[]",
        "BODY[1.2.TEXT]<0.5>",
        "BODY.PEEK[HEADER.FIELDS (a b)]",
        "ENVELOPE",
    ),
    *(
        "BODYSTRUCTURE",
        "BINARY[1]",
        "BINARY.SIZE[]",
        "MODSEQ",
        "RFC822",
        "BODY[",
        "BODY[9999999999]",
        "<1.1>",
        "INTERNALDATE",
    ),
    *(
        "(CHANGEDSINCE 1)",
        "(UNCHANGEDSINCE 1)",
        "(CONDSTORE)",
        "(USE (\\Sent))",
        "UTF8=ACCEPT",
        "CONDSTORE",
        "UTF8 (~{3+}\r\na\0b)",
    ),
    *(
        "RETURN",
        "(MIN MAX ALL COUNT SAVE)",
        "(STATUS (MESSAGES))",
        "(SUBSCRIBED RECURSIVEMATCH)",
        "(REVERSE DATE)",
        "CHARSET",
    ),
    *(
        "UTF-8",
        "x-charset",
        "REFERENCES",
        "ORDEREDSUBJECT",
        "SUBJECT",
        "one",
        "OR",
        "NOT",
        "UID",
        "TEXT",
        "HEADER",
        "OLDER",
    ),
    *("SINCE", "1-Feb-2024", '"01-Feb-2024 00:00:00 +0000"', '"99-Feb-2024 00:00:00 +0000"', "(MESSAGES UNSEEN SIZE)"),
    *(
        "{3+}\r\nabc",
        "{0+}\r\n",
        "~{3+}\r\na\0b",
        "{3+}\r\na\0b",
        "{5000+}\r\n" + "x" * 5000,
        '"unclosed',
        '"\\x"',
        "\r",
        "\0",
        "é",
    ),
]
_TAGGED = re.compile(rb"(?:^|\r\n)end (OK|NO|BAD) [^\r\n]+\r\n\Z")

words = st.one_of(st.sampled_from(WORDS), st.text(max_size=6)).map(lambda word: word.encode("utf-8", "replace"))
likely = st.builds(
    lambda verb, rest: b"x " + verb.encode() + b" " + b" ".join(rest),
    st.sampled_from(VERBS),
    st.lists(st.sampled_from(WORDS).map(str.encode), max_size=5),
)
unlikely = st.builds(lambda separator, rest: separator.join(rest), st.sampled_from([b" ", b"", b"  "]), st.lists(words))
lines = st.one_of(likely, unlikely, st.binary(max_size=40)).map(lambda line: line + b"\r\n")


def survives(lab: Lab, data: bytes, *, login: bool) -> None:
    """Feed ``data``; every reply is whole and of a known kind, and the session goes on unless it said goodbye."""
    client = lab.client(login=login)
    if login:
        client.ok("SELECT INBOX")
    client.feed(data)
    for reply in client.replies:
        assert reply.raw.endswith(b"\r\n")
        assert reply.code in {"", "OK", "NO", "BAD", "BYE", "+"}
    if client.closed:
        assert client.replies[-1].code in {"OK", "BYE"}
        return
    client.feed(b"DONE\r\n" if client.waiting else b"\r\n")
    if not _TAGGED.search(client.feed(b"end NOOP\r\n")):
        client.feed(b"\r\n" * LIMITS.message_size)  # a literal was announced and not sent
        assert _TAGGED.search(client.feed(b"end NOOP\r\n")), client.replies[-3:]


def _lab() -> Lab:
    lab = Lab(limits=LIMITS)
    lab.deliver(*(message(subject) for subject in ("one", "two", "three")))
    return lab


@settings(max_examples=400, deadline=None)
@given(commands=st.lists(lines, min_size=1, max_size=6))
def test_a_selected_session_survives(commands: list[bytes]) -> None:
    """No sequence of lines raises anything or leaves a selected session without an answer."""
    survives(_lab(), b"".join(commands), login=True)


@settings(max_examples=150, deadline=None)
@given(commands=st.lists(lines, min_size=1, max_size=6))
def test_a_session_before_login_survives(commands: list[bytes]) -> None:
    """The same before login."""
    survives(_lab(), b"".join(commands), login=False)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=300))
def test_octets(data: bytes) -> None:
    """No octets at all raise anything."""
    survives(_lab(), data, login=True)


@settings(max_examples=300, deadline=None)
@given(line=likely)
def test_every_command_gets_exactly_one_verdict(line: bytes) -> None:
    """A command line with a tag is answered by one tagged line, and by nothing after it."""
    client = _lab().selected()
    if line.startswith(b"x IDLE"):
        return
    out = client.feed(line + b"\r\n")
    completions = re.findall(rb"(?:^|\r\n)x (?:OK|NO|BAD) ", out)
    assert len(completions) == 1, out
    assert out.rpartition(b"x ")[2].count(b"\r\n") == 1


@pytest.mark.parametrize(
    "line",
    [
        "SEARCH " + "NOT " * 5_000 + "ALL",
        "SEARCH " + "(" * 5_000 + "ALL" + ")" * 5_000,
        "SEARCH " + "OR ALL " * 5_000 + "ALL",
        "FETCH " + "1," * 20_000 + "1 UID",
        "FETCH 1 (" + "BODY.PEEK[1] " * 3_000 + "UID)",
        "FETCH 1 BODY[" + "1." * 10_000 + "1]",
        "STORE 1 +FLAGS (" + " ".join(f"$k{n}" for n in range(5_000)) + ")",
        'LIST "" "' + "*%" * 20_000 + 'x"',
        'LIST "" (' + "a " * 20_000 + "b)",
        "STATUS INBOX (" + "MESSAGES " * 5_000 + "MESSAGES)",
        "CREATE " + "a/" * 20_000,
        "ID (" + '"a" "b" ' * 5_000 + '"a" "b")',
        "APPEND INBOX " + "{1+}\r\nx " * 40,
    ],
)
def test_long_commands_end_soon(line: str) -> None:
    """Nesting and repetition up to the line's limit cost neither the stack nor much time, and have an answer."""
    client = Lab(limits=Limits(mailbox_messages=20)).client()
    client.ok("APPEND INBOX {1+}\r\nx")
    client.ok("SELECT INBOX")
    assert client.do(line)[-1][:3] in (b"OK ", b"NO ", b"BAD")
    client.ok("NOOP")
