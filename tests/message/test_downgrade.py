"""Tests of labserver.message.downgrade."""

from __future__ import annotations

import email
import email.policy
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.downgrade import downgraded

if TYPE_CHECKING:
    from email.message import EmailMessage


def rewritten(content: bytes) -> bytes:
    """Return the message with everything replaced."""
    pieces, at = [], 0
    for start, end, octets in downgraded(content):
        assert at <= start <= end
        pieces += [content[at:start], octets]
        at = end
    return b"".join([*pieces, content[at:]])


def parsed(*lines: str) -> EmailMessage:
    """Return what an independent parser makes of the downgraded header."""
    octets = rewritten("".join(f"{line}\r\n" for line in lines).encode() + b"\r\nbody\r\n")
    assert octets.isascii()
    assert octets.endswith(b"\r\n\r\nbody\r\n")
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    return email.message_from_bytes(octets, policy=email.policy.default)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("Subject: Gr\u00fc\u00dfe \u4f60\u597d", "Subject", "Gr\u00fc\u00dfe \u4f60\u597d"),
        ("SUBJECT:\u00e4", "SUBJECT", "\u00e4"),
        ("Subject: " + "\u00e4\u20ac" * 100, "Subject", "\u00e4\u20ac" * 100),
        ("Subject: =?utf-8?q?=C3=A4?= \u00f6", "Subject", "\u00e4 \u00f6"),
        ("Comments: a\r\n \u00f6", "Comments", "a \u00f6"),
        ("From: J\u00fcrgen <j@lab.test>", "From", "J\u00fcrgen <j@lab.test>"),
        ('From: "M\u00fcller, J" <j@lab.test>, a@b', "From", '"M\u00fcller, J" <j@lab.test>, a@b'),
        ("To: x@b\u00fccher.test", "To", "x@xn--bcher-kva.test"),
        ('To: \u00fc: a@b, "c, d" <c@d>;, e@f', "To", '\u00fc: a@b, "c, d" <c@d>;, e@f'),
        ("X-Note: \u00fc", "Downgraded-X-Note", "\u00fc"),
        ("Message-ID: <\u00fc@b>", "Downgraded-Message-ID", "<\u00fc@b>"),
        ("To: a, \u00fc", "Downgraded-To", "a, \u00fc"),
        ("To: g: \u00fc@b;", "Downgraded-To", "g: \u00fc@b;"),
    ],
)
def test_fields(line: str, name: str, value: str) -> None:
    """Each field is ASCII, and says the same to those who decode it (RFC 6857 3.2)."""
    message = parsed(line, "X-Other: as it is")
    assert str(message[name]) == value
    assert message["X-Other"] == "as it is"
    assert len(message.keys()) == 2


def test_an_address_beyond_ascii_is_shown_in_a_group() -> None:
    """A local part cannot be downgraded: nobody is to answer to something else (RFC 6857 3.1.8)."""
    message = parsed("From: J\u00fcrgen <j\u00fcrgen@lab.test>")
    (group,) = message["From"].groups
    assert (group.display_name, group.addresses) == ("J\u00fcrgen <j\u00fcrgen@lab.test>", ())


def test_parameters() -> None:
    """Parameters are those of RFC 2231."""
    message = parsed(
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset=utf-8; name="\u00fc 1.txt"',
        'Content-Disposition: attachment; filename="\u00fc 1.txt"; x="a b"',
    )
    assert message["Content-Type"].params == {"charset": "utf-8", "name": "\u00fc 1.txt"}
    assert message.get_filename() == "\u00fc 1.txt"
    assert message["Content-Disposition"].params["x"] == "a b"


def test_every_header_in_a_message() -> None:
    """Headers of parts, and of messages in parts, are downgraded; bodies stay."""
    content = (
        "MIME-Version: 1.0\r\nSubject: plain\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\u00fc\r\n--b\r\n"
        "Content-Type: text/plain; name=\u00fc\r\n\r\nbody \u00fc\r\n--b\r\n"
        "Content-Type: message/rfc822\r\n\r\nSubject: inner \u00fc\r\n\r\nbody \u00f6\r\n--b--\r\n"
    ).encode()
    octets = rewritten(content)
    assert b"Content-Type: text/plain;\r\n name*=utf-8''%C3%BC\r\n\r\nbody \xc3\xbc\r\n--b" in octets
    assert b"Subject: =?UTF-8?B?aW5uZXIgw7w=?=\r\n\r\nbody \xc3\xb6\r\n--b--" in octets
    assert octets.startswith(content[: content.index(b"--b")])


def test_ascii_stays_as_it_is() -> None:
    """Nothing is touched that needs no change."""
    assert list(downgraded(b"Subject:  x \r\nTo: <a@b>\r\n\r\n\xc3\xbc")) == []


def test_a_header_beyond_what_is_interpreted_stays() -> None:
    """Nobody makes the lab encode mebibytes."""
    content = b"Subject: " + "\u00fc".encode() * (1 << 18) + b"\r\n\r\n"
    assert list(downgraded(content)) == []


@given(st.binary(max_size=60), st.sampled_from(["From", "Subject", "Content-Type", "X"]))
def test_any_octets(value: bytes, name: str) -> None:
    """Whatever a field holds, it comes out in ASCII, in lines that end with CRLF."""
    content = name.encode() + b": \xc3\xbc" + value.replace(b"\n", b"") + b"\r\n\r\nbody"
    octets = rewritten(content)
    assert octets.isascii()
    assert octets.endswith(b"\r\n\r\nbody")
    assert octets.count(b"\n") == octets.count(b"\r\n")
