"""Tests of labserver.message.identifiers."""

from __future__ import annotations

import pytest

from labserver.message.identifiers import MOST_IDENTIFIERS, message_ids


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"<a@b>", [b"a@b"]),
        (b"<a@b> <c@d>\t<e@f>", [b"a@b", b"c@d", b"e@f"]),
        (b"<a@b><c@d>", [b"a@b", b"c@d"]),
        (b"Your message of Monday <a@b> (comment)", [b"a@b"]),
        (b'<"a"@b>', [b"a@b"]),
        (b'<"a\\"c"@b>', [b'a"c@b']),
        (b"< a@b >", [b"a@b"]),
        (b"<no-at>", []),
        (b"<a@b", []),
        (b"a@b", []),
        (b"<<a@b>>", [b"a@b"]),
        (b"", []),
    ],
)
def test_identifiers(value: bytes, expected: list[bytes]) -> None:
    """Identifiers are found between whatever else, in one spelling."""
    assert message_ids(value) == expected


def test_bounded() -> None:
    """An endless field yields only so many."""
    assert len(message_ids(b"<a@b>" * (MOST_IDENTIFIERS + 5))) == MOST_IDENTIFIERS
