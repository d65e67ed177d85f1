"""Tests of labserver.pop3.spliced."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from labserver.pop3.spliced import Spliced


@st.composite
def _cases(draw: st.DrawFn) -> tuple[bytes, list[tuple[int, int, bytes]]]:
    content = draw(st.binary(max_size=40))
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=6, unique=True)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    return content, [(start, end, draw(st.binary(max_size=5))) for start, end in pairs]


@given(_cases(), st.integers(0, 60), st.integers(0, 60))
def test_any_range(case: tuple[bytes, list[tuple[int, int, bytes]]], start: int, end: int) -> None:
    """Every range is that of the octets with the replacements made, and positions move with them."""
    content, replacements = case
    model, at = b"", 0
    for first, last, octets in replacements:
        model += content[at:first] + octets
        at = last
    model += content[at:]
    spliced = Spliced(content, replacements)
    assert len(spliced) == len(model)
    assert spliced.octets(start, end) == model[start:end]
    assert len(model) - spliced.moved(len(content)) == 0
