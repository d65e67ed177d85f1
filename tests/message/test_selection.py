"""Tests of labserver.message.selection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.header import Header
from labserver.message.selection import WINDOW, selected

_LINES = st.lists(
    st.sampled_from(
        [
            b"A: 1\r\n",
            b"a:\n",
            b"B: 2\r\n",
            b" more\r\n",
            b"\tmore\n",
            b"nothing\n",
            b"C : x\r\n",
            b"A: " + b"l" * 40 + b"\r\n",
        ]
    )
).map(b"".join)


@given(
    _LINES,
    st.sampled_from([b"", b"\r\n", b"\n", b"A: no end", b"B: no end"]),
    st.sets(st.sampled_from([b"a", b"b", b"c", b"nothing"])),
    st.booleans(),
    st.integers(12, 100),
)
def test_the_same_in_windows(lines: bytes, end: bytes, names: set[bytes], excluding: bool, window: int) -> None:  # noqa: FBT001 -- drawn
    """However small the windows, what is chosen is what is chosen of the whole header."""
    content = lines + end
    pieces = selected(lambda start, stop: content[start:stop], len(content), names, excluding=excluding, window=window)
    assert b"".join(pieces) == Header(content, 0, len(content)).selection(names, excluding=excluding)


@pytest.mark.parametrize("excluding", [False, True])
@pytest.mark.parametrize(
    "header",
    [b"a:\n" * 100_000, b"a: " + b"x" * 300_000 + b"\n", b"a: b\n " * 50_000, b"\r" * 300_000, b"a:\nb:\n" * 50_000],
)
def test_no_more_than_a_window(header: bytes, excluding: bool) -> None:  # noqa: FBT001 -- a parameter
    """No piece is longer than a window, no more is read at once, and each octet is read at most twice."""
    read: list[int] = []

    def octets(start: int, end: int) -> bytes:
        read.append(end - start)
        return header[start:end]

    pieces = list(selected(octets, len(header), {b"a"}, excluding=excluding))
    assert max(map(len, pieces)) <= WINDOW
    assert max(read) <= WINDOW
    assert sum(read) <= 2 * len(header) + 2 * WINDOW
    assert sum(map(len, pieces)) <= len(header) + 4
