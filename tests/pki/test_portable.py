"""Claims about chains on their way to another process."""

from __future__ import annotations

import pytest

from labserver.pki.chain import Chain, Publications
from labserver.pki.portable import packed, unpacked


@pytest.mark.parametrize(
    "chain",
    [
        Chain(
            leaf=b"leaf\n", intermediates=(b"first", b"\xff\0"), key=b"key", anchors=(b"root", b"other"), staple=b"yes"
        ),
        Chain(leaf=b"", key=b"", staple=b"", publications=Publications(lists={"root": b"\0", "other": b""})),
        Chain(leaf=b"", key=b""),
    ],
)
def test_round_trip(chain: Chain) -> None:
    """A chain arrives as it was, in one line."""
    assert "\n" not in packed(chain)
    assert unpacked(packed(chain)) == chain


@pytest.mark.parametrize("line", ["", "{", "{}", '{"error": "no"}', '{"leaf": "AA=", "key": ""}'])
def test_nothing_else(line: str) -> None:
    """What is no chain is none."""
    with pytest.raises((ValueError, LookupError)):
        unpacked(line)
