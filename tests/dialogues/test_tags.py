"""How clients count their IMAP tags."""

from __future__ import annotations

import pytest

from labserver.dialogues.tags import next_tag

TAGS = {
    b"a1": b"a2",
    b"a9": b"a10",
    b"A0009": b"A0010",
    b"0999": b"1000",
    b"99": b"100",
    b"1.A": b"2.A",
    b"a1b7": b"a1b8",
    b"0": b"1",
    b"tag": b"tag",
    b".": b".",
}


@pytest.mark.parametrize(("tag", "following"), TAGS.items())
def test_next_tag(tag: bytes, following: bytes) -> None:
    """The last number is counted up in its width; a tag without one is taken again."""
    assert next_tag(tag) == following


def test_several_steps() -> None:
    """A tag can be counted up by more than one command."""
    assert next_tag(b"a9", 3) == b"a12"
