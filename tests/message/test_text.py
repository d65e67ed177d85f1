"""Tests of labserver.message.text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from labserver.message.charsets import fold
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
