"""What a mistyped word is taken for."""

from __future__ import annotations

import pytest

from labserver.nearest import did_you_mean, question

_KNOWN = ("expired", "expired-root", "starttls-stripped", "tls-v1-0", "good", "--imap-port", "--imaps-port")


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("expird", "; did you mean expired?"),
        ("EXPIRED", "; did you mean expired?"),
        ("expired_root", "; did you mean expired-root?"),
        ("stripped", "; did you mean starttls-stripped?"),
        ("--imap-prt", "; did you mean --imap-port or --imaps-port?"),
        ("xyz", ""),
        ("", ""),
        ("--", ""),
    ],
)
def test_did_you_mean(word: str, meant: str) -> None:
    """The nearest are named, the nearer first; a part of a word counts; what is far from all is not guessed at."""
    assert did_you_mean(word, _KNOWN) == meant


def test_few() -> None:
    """However many are near, three are named; of none nothing is said."""
    assert did_you_mean("case-", [f"case-{number}" for number in range(10)]).count("case-") == 3
    assert did_you_mean("case", []) == ""
    assert question([]) == ""
    assert question(["a", "b", "c"]) == "; did you mean a, b or c?"
