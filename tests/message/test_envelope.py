"""Tests of labserver.message.envelope."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.envelope import envelope
from labserver.message.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable

ALICE = '((NIL NIL "alice" "lab.test"))'

ENVELOPES = {
    "nothing": ("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
    "sender and reply-to default to from": (
        "From: alice@lab.test",
        f"(NIL NIL {ALICE} {ALICE} {ALICE} NIL NIL NIL NIL NIL)",
    ),
    "they default when they are empty": (
        "Sender:\nReply-To: (nobody)\nFrom: alice@lab.test",
        f"(NIL NIL {ALICE} {ALICE} {ALICE} NIL NIL NIL NIL NIL)",
    ),
    "all ten": (
        (
            "Date: d\nSubject: s\nFrom: a@f\nSender: a@s\nReply-To: a@r\nTo: a@t\nCc: a@c\nBcc: a@b\n"
            "In-Reply-To: <i@x>\nMessage-ID: <m@x>"
        ),
        (
            '("d" "s" ((NIL NIL "a" "f")) ((NIL NIL "a" "s")) ((NIL NIL "a" "r")) ((NIL NIL "a" "t")) '
            '((NIL NIL "a" "c")) ((NIL NIL "a" "b")) "<i@x>" "<m@x>")'
        ),
    ),
    "names in any case, white space before the colon": (
        "SUBJECT : s\ndate\t: d",
        '("d" "s" NIL NIL NIL NIL NIL NIL NIL NIL)',
    ),
    "empty fields are empty, not missing": ("Subject:\nDate: ", '("" "" NIL NIL NIL NIL NIL NIL NIL NIL)'),
    "folds": (
        "Subject: a\n\tb\n   c  \nMessage-ID:\n <m@x>",
        '(NIL "a b c" NIL NIL NIL NIL NIL NIL NIL "<m@x>")',
    ),
    "the last of repeated fields, all of repeated addresses": (
        "Subject: one\nSubject: two\nTo: a@x\nTo: b@y",
        '(NIL "two" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "y")) NIL NIL NIL NIL)',
    ),
    "quotes and backslashes": ('Subject: a "b" \\c', '(NIL "a \\"b\\" \\\\c" NIL NIL NIL NIL NIL NIL NIL NIL)'),
    "encoded-words stay": (
        "Subject: =?utf-8?q?=C3=A4?=",
        '(NIL "=?utf-8?q?=C3=A4?=" NIL NIL NIL NIL NIL NIL NIL NIL)',
    ),
    "a field of another name is not taken for it": (
        "X-Subject: no\nSubjects: no",
        "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)",
    ),
}


@pytest.mark.parametrize(("header", "expected"), ENVELOPES.values(), ids=ENVELOPES.keys())
@pytest.mark.parametrize("line_ending", ["\r\n", "\n"])
def test_envelopes(header: str, expected: str, line_ending: str) -> None:
    """An ENVELOPE is what RFC 3501 7.4.2 makes of a header."""
    content = (header + "\n\nSubject: in the body").replace("\n", line_ending).encode()
    assert envelope(tree(content)) == expected.encode()


def test_raw_octets_become_literals(own_sample: Callable[[str], bytes]) -> None:
    """8-bit text is sent as it is, in literals (RFC 3501 9, quoted strings are 7-bit)."""
    answer = envelope(tree(own_sample("smtputf8")))
    assert b" {18}\r\nGr\xc3\xbc\xc3\x9fe \xe2\x80\x93 \xe4\xbd\xa0\xe5\xa5\xbd ((" in answer
    assert b"(NIL NIL {6}\r\n\xe7\x94\xa8\xe6\x88\xb7 {15}\r\n\xe4\xbe\x8b\xe5\xad\x90.lab.test)" in answer


def test_nul_is_never_sent(own_sample: Callable[[str], bytes]) -> None:
    """NUL, which no IMAP string can hold, becomes U+FFFD."""
    assert b" {5}\r\na\xef\xbf\xbdb " in envelope(tree(own_sample("nul")))


@given(
    st.lists(
        st.sampled_from(
            [
                b"From:",
                b"To: ",
                b"a",
                b"@",
                b"<",
                b">",
                b",",
                b":",
                b";",
                b"(",
                b")",
                b'"',
                b"\\",
                b"\n",
                b"\n ",
                b" ",
                b".",
                b"[",
                b"]",
                b"\xc3",
                b"\0",
                b"Subject:",
            ]
        ),
        max_size=40,
    ).map(b"".join)
)
def test_any_header(header: bytes) -> None:
    """Whatever a header holds, its ENVELOPE is one list of ten elements in IMAP's syntax."""
    assert len(parsed(envelope(tree(header)))) == 10


def parsed(text: bytes) -> list[object]:
    """Read one IMAP list: nested lists, strings, literals, NIL, numbers."""
    position = 0

    def value() -> object:
        nonlocal position
        if text[position : position + 1] == b"(":
            return elements()
        start = position
        if text[position : position + 1] == b'"':
            position += 1
            while text[position : position + 1] != b'"':
                position += 2 if text[position : position + 1] == b"\\" else 1
            position += 1
            assert not set(text[start:position]) & {0, 10, 13, *range(128, 256)}
            return text[start:position]
        if text[position : position + 1] == b"{":
            end = text.index(b"}\r\n", position)
            position = end + 3 + int(text[position + 1 : end])
            assert b"\0" not in text[start:position]
            return text[end + 3 : position]
        while text[position : position + 1] not in (b" ", b")", b"("):
            position += 1
        assert text[start:position] == b"NIL" or text[start:position].isdigit()
        return text[start:position]

    def elements() -> list[object]:
        nonlocal position
        found: list[object] = []
        position += 1
        while text[position : position + 1] != b")":
            if text[position : position + 1] == b" ":
                position += 1
            found.append(value())
        position += 1
        return found

    read = elements()
    assert position == len(text)
    return read


def test_samples(sample: bytes) -> None:
    """Every sample's ENVELOPE is in IMAP's syntax."""
    assert len(parsed(envelope(tree(sample)))) == 10


def test_work_depends_on_the_header_only(calls: Callable[[Callable[[], object]], int]) -> None:
    """An ENVELOPE needs few calls: a client asks for ten thousand at once."""
    header = b"".join(b"X-Field-%d: value\r\n" % n for n in range(200))
    content = b"Subject: s\r\n" + header + b"From: Alice <alice@lab.test>\r\n\r\n" + b"body\r\n" * 10_000
    assert calls(lambda: envelope(tree(content))) < 120
