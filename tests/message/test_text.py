"""Tests of labserver.message.text."""

from __future__ import annotations

import base64
import quopri
from typing import TYPE_CHECKING

import pytest

from labserver.message.charsets import fold
from labserver.message.header import MOST_FIELDS
from labserver.message.text import body_pieces, header_text, header_texts, is_text, short_text
from labserver.message.tree import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from labserver.message.part import Part


def _texts(message: Part) -> list[str]:
    """Return the folded text of each part that is text."""
    return ["".join(body_pieces(part)) for part in message.walk() if is_text(part)]


def test_header_text() -> None:
    """A header is one readable line per field, under the names the sender wrote."""
    header = tree(b"Subject: =?utf-8?q?=C3=A4?=\r\n x\r\nX-Raw: \xe4\r\n\r\n").header
    assert header_text(header) == "Subject: ä x\nX-Raw: ä"


def test_all_headers(own_sample: Callable[[str], bytes]) -> None:
    """The headers of parts and of messages inside are there, too."""
    texts = list(header_texts(tree(own_sample("digest"))))
    assert len(texts) == 6
    assert sum("Subject: second" in text for text in texts) == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("attachment", [fold("Grüße, siehe Anhang.\r\n")]),
        ("latin1-raw", [fold("Un café, s'il vous plaît.\r\n")]),
        ("digest", ["first body", "second body", "not a message"]),
        ("binary-part", ["a binary part follows."]),
        ("missing-boundaries", []),
        ("empty", [""]),
    ],
)
def test__texts(name: str, expected: list[str], own_sample: Callable[[str], bytes]) -> None:
    """Text parts are decoded; attachments in other formats, preambles and epilogues are no text."""
    assert _texts(tree(own_sample(name))) == expected


def test_delivery_reports_are_text(own_sample: Callable[[str], bytes]) -> None:
    """message/delivery-status can be searched."""
    assert any("status: 5.1.1" in text for text in _texts(tree(own_sample("delivery-report"))))


def test_samples(sample: bytes) -> None:
    """The text of every sample can be had."""
    message = tree(sample)
    assert all(isinstance(text, str) for text in [*header_texts(message), *_texts(message)])


def _long(encoding: str, charset: str, body: bytes) -> Part:
    head = f"Content-Type: text/plain{charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    return tree(head.encode() + body)


_GREEK = "Ὀδυσσεύς ﬁnds 5 ﷺ. \n" * 4000

_LONG_BODIES = {
    "plain": _long("8bit", "", b"Some Plain text, a line long.\r\n" * 9000),
    "utf-8 that nobody declared": _long("8bit", "", _GREEK.encode()),
    "utf-8": _long("8bit", "; charset=utf-8", _GREEK.encode()),
    "base64": _long("base64", "; charset=utf-8", base64.encodebytes(_GREEK.encode())),
    "base64 that nobody declared": _long("base64", "", base64.encodebytes(_GREEK.encode())),
    "quoted-printable": _long("quoted-printable", "; charset=utf-8", quopri.encodestring(_GREEK.encode())),
    "latin-1 at last": _long("8bit", "; charset=us-ascii", b"x" * 100_000 + b"\xe4\xf6"),
    "another charset": _long("8bit", "; charset=iso-8859-7", "Οδυσσεύς ".encode("iso-8859-7") * 9000),
    "two octets each": _long("8bit", "; charset=gb2312", "你好世界".encode("gb2312") * 9000),
    "an unknown encoding": _long("x-uue", "; charset=utf-8", _GREEK.encode()),
    "not in its charset": _long("8bit", "; charset=utf-8", b"\xff\xfe abc " * 9000),
}


@pytest.mark.parametrize("part", _LONG_BODIES.values(), ids=_LONG_BODIES.keys())
def test_long_text_comes_in_pieces(part: Part) -> None:
    """A long part's text is the same as if it were decoded and folded at once, and no piece of it is long."""
    pieces = list(body_pieces(part))
    assert "".join(pieces) == short_text(part)
    assert max(map(len, pieces)) <= 18 << 14
    assert len(pieces) >= part.size >> 14


def test_octets_without_text_take_turns_too() -> None:
    """What decodes to nothing is looked at piece by piece all the same."""
    pieces = list(body_pieces(_long("base64", "; charset=utf-8", b"!" * (1 << 20))))
    assert len(pieces) >= 64
    assert not any(pieces)


def test_only_the_first_fields_are_text() -> None:
    """Of a header without end, as many fields are read as make sense."""
    header = tree(b"".join(b"X-%d: y\r\n" % number for number in range(12_000)) + b"\r\n").header
    assert header_text(header).count("\n") == MOST_FIELDS - 1
