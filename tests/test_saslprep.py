"""SASLprep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.saslprep import prepared, saslprep


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("user", "user"),
        ("USER", "USER"),
        ("I\u00adX", "IX"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
        ("pa\u0308ss", "päss"),
        ("\u0627\u0628", "\u0627\u0628"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    """RFC 4013 3's examples and their relatives."""
    assert saslprep(text) == expected


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031", "\u0627a\u0628", "\ue000", "\u2028", "\U0001f600"])
def test_prohibited(text: str) -> None:
    """Controls, broken bidirectional text, private use and what Unicode 3.2 did not have."""
    with pytest.raises(ValueError, match="RFC"):
        saslprep(text)


def test_unassigned_characters_may_be_asked_for() -> None:
    """A query may have characters that Unicode 3.2 did not know (RFC 3454 7)."""
    assert saslprep("\U0001f600", allow_unassigned=True) == "\U0001f600"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_prepared_password_stays_prepared(password: str) -> None:
    """Preparing never fails and is idempotent."""
    assert prepared(prepared(password)) == prepared(password)
