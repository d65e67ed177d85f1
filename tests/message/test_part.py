"""Tests of labserver.message.part."""

from __future__ import annotations

import pytest

from labserver.message.tree import tree

MESSAGE = b"""\
From: a@lab.test
MIME-Version: 1.0
Subject: x
 y
Content-Type: multipart/mixed; boundary=o

preamble
--o
Content-Type: text/plain
X-A: 1

one

--o
Content-Type: message/rfc822

From: c@lab.test
Subject: inner
Content-Type: multipart/alternative; boundary=i

--i

alt1
--i
Content-Type: text/html

alt2
--i--
inner epilogue
--o
Content-Type: message/rfc822

From: e@lab.test

just text
--o
Content-Type: message/rfc822

Content-Type: message/rfc822

Subject: deep

deep body
--o--
epilogue
"""

# Every answer is also Dovecot's; for parts that do not exist it sends an empty string.
SECTIONS: list[tuple[tuple[int, ...], str, str | None]] = [
    ((), "HEADER.FIELDS", "Subject: x\n y\n\n"),
    ((), "HEADER.FIELDS.NOT", "From: a@lab.test\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n"),
    ((1,), "", "one\n"),
    ((1,), "MIME", "Content-Type: text/plain\nX-A: 1\n\n"),
    ((1,), "HEADER", None),
    ((1,), "TEXT", None),
    ((1, 1), "", None),
    ((2,), "MIME", "Content-Type: message/rfc822\n\n"),
    ((2,), "HEADER.FIELDS", "Subject: inner\n\n"),
    ((2,), "TEXT", "--i\n\nalt1\n--i\nContent-Type: text/html\n\nalt2\n--i--\ninner epilogue"),
    ((2, 1), "", "alt1"),
    ((2, 1), "MIME", "\n"),
    ((2, 2), "", "alt2"),
    ((2, 2), "MIME", "Content-Type: text/html\n\n"),
    ((2, 3), "", None),
    ((3,), "", "From: e@lab.test\n\njust text"),
    ((3,), "HEADER", "From: e@lab.test\n\n"),
    ((3, 1), "", "just text"),
    ((3, 1), "MIME", "From: e@lab.test\n\n"),
    ((3, 2), "", None),
    ((3, 1, 1), "", None),
    ((4, 1), "", "Subject: deep\n\ndeep body"),
    ((4, 1), "HEADER", "Subject: deep\n\n"),
    ((4, 1, 1), "", "deep body"),
    ((4, 1, 1, 1), "", None),
    ((5,), "", None),
    ((0,), "", None),
]


@pytest.mark.parametrize(("path", "what", "expected"), SECTIONS)
def test_sections(path: tuple[int, ...], what: str, expected: str | None) -> None:
    """A section is exactly the octets RFC 3501 6.4.5 means, None where there is no such part."""
    message = tree(MESSAGE.replace(b"\n", b"\r\n"))
    found = message.section(path, what, {b"subject"})
    assert found == (None if expected is None else expected.replace("\n", "\r\n").encode())


def test_whole_message() -> None:
    """The empty section is the message; its TEXT begins behind the blank line and includes pre- and epilogue."""
    message = tree(MESSAGE)
    assert message.section(()) == MESSAGE
    text = message.section((), "TEXT")
    assert text is not None
    assert text.startswith(b"preamble")
    assert text.endswith(b"epilogue\n")


@pytest.mark.parametrize(
    ("content", "path", "what", "expected"),
    [
        (b"Subject: s\r\n\r\nbody\r\n", (1,), "", b"body\r\n"),
        (b"Subject: s\r\n\r\nbody\r\n", (1,), "MIME", b"Subject: s\r\n\r\n"),
        (b"Subject: s\r\n\r\nbody\r\n", (2,), "", None),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: z\r\n\r\nin\r\n", (1,), "", b"Subject: z\r\n\r\nin\r\n"),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: z\r\n\r\nin\r\n", (1,), "HEADER", b"Subject: z\r\n\r\n"),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: z\r\n\r\nin\r\n", (1, 1), "", b"in\r\n"),
        (b"From: x\r\nSubject: s", (), "HEADER.FIELDS", b"Subject: s\r\n\r\n"),
        (b"From: x", (), "HEADER.FIELDS", b"\r\n"),
    ],
)
def test_single_part_messages(content: bytes, path: tuple[int, ...], what: str, expected: bytes | None) -> None:
    """Every message has a part 1; a message without line ending or blank line gets them in HEADER.FIELDS."""
    assert tree(content).section(path, what, {b"subject"}) == expected


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("MIME-Version: 1.0\nContent-Transfer-Encoding: BASE64 (really)", b"base64"),
        ("Content-Transfer-Encoding: base64", b"7bit"),
        ("Content-Type: text/plain\nContent-Transfer-Encoding: x-uu", b"x-uu"),
        ("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64", b"7bit"),
        ("Content-Type: multipart/mixed\nContent-Transfer-Encoding: base64", b"7bit"),
        ("MIME-Version: 1.0\nContent-Transfer-Encoding: ;", b"7bit"),
        ("MIME-Version: 1.0\nContent-Transfer-Encoding: quoted printable", b"7bit"),
        ("MIME-Version: 1.0\nContent-Transfer-Encoding: base64 base64", b"7bit"),
        ("MIME-Version: 1.0\nContent-Transfer-Encoding: base64; x=y", b"7bit"),
        ('MIME-Version: 1.0\nContent-Transfer-Encoding: "base64"', b"7bit"),
        ("MIME-Version: 1.0\nContent-Transfer-Encoding:\n (x)\n base64 ", b"base64"),
    ],
)
def test_encoding(header: str, encoding: bytes) -> None:
    """Only parts that are MIME have an encoding, and composite ones never do (RFC 2045 4 and 6.4)."""
    assert tree(header.encode() + b"\n\nYQ==").encoding == encoding


def test_unknown_encoding_is_not_decoded() -> None:
    """What cannot be decoded is None, so that BINARY can say UNKNOWN-CTE."""
    assert tree(b"Content-Type: text/plain\nContent-Transfer-Encoding: x-uu\n\nbody").decoded() is None


@pytest.mark.parametrize(
    ("body", "lines"), [(b"", 0), (b"one", 0), (b"one\r\n", 1), (b"one\ntwo\r\n\r\n", 3), (b"\r", 0)]
)
def test_lines(body: bytes, lines: int) -> None:
    """Lines are counted by their endings."""
    assert tree(b"\n" + body).lines == lines
