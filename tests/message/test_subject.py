"""Tests of labserver.message.subject."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.subject import base_subject


@pytest.mark.parametrize(
    ("subject", "base", "is_reply"),
    [
        ("plain", "plain", False),
        ("", "", False),
        ("  many\t spaces  ", "many spaces", False),
        ("Re: x", "x", True),
        ("RE : x", "x", True),
        ("Re[2]: x", "x", True),
        ("Re [2] : x", "x", True),
        ("re: fw: FWD: x", "x", True),
        ("Re:", "", True),
        ("Regarding x", "Regarding x", False),
        ("reply: x", "reply: x", False),
        ("[list] x", "x", False),
        ("[list] Re: [other] x", "x", True),
        ("[a] [b]", "[b]", False),
        ("[a]", "[a]", False),
        ("[a][b] Re: [c]", "[c]", True),
        ("[unclosed Re: x", "[unclosed Re: x", False),
        ("x (fwd)", "x", True),
        ("x (Fwd) (FWD) ", "x", True),
        ("(fwd)", "", True),
        ("[Fwd: x]", "x", True),
        ("[fwd: Re: [fwd: x] (fwd)]", "x", True),
        ("[fwd: x", "[fwd: x", False),
        ("=?utf-8?q?Re:_=C3=A4?=", "ä", True),
        ("=?utf-8?q?Re?= : x", "x", True),
    ],
)
def test_base_subjects(subject: str, base: str, *, is_reply: bool) -> None:
    """The base subject is what RFC 5256 2.1 leaves; what it takes away tells of a reply or a forward."""
    assert base_subject(subject.encode()) == (base, is_reply)


@given(st.lists(st.sampled_from(["re", ":", "[", "]", " ", "(fwd)", "[fwd:", "x", "fw"]), max_size=30).map("".join))
def test_base_of_a_base(subject: str) -> None:
    """A base subject without brackets is its own base."""
    base = base_subject(subject.encode()).text
    assert base_subject(base.encode()).text == base or "[" in base


def test_hostile_subjects_are_bounded() -> None:
    """Only the beginning of an endless subject counts."""
    assert len(base_subject(b"[" * 100_000 + b"x").text) == 1000
    assert base_subject(b"[a]" * 100_000).text == "["
