"""Tests of labserver.message.addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.addresses import addresses

if TYPE_CHECKING:
    from collections.abc import Callable

Expected = list[tuple[str | None, str | None, str | None, str | None]]
END = (None, None, None, None)
MISSING = (None, None, "MISSING_MAILBOX", "MISSING_DOMAIN")


def group(name: str) -> tuple[None, None, str, None]:
    """Return how a group starts."""
    return (None, None, name, None)


ADDRESSES: dict[str, Expected] = {
    "a@b": [(None, None, "a", "b")],
    "<a@b>": [(None, None, "a", "b")],
    "John  Doe <a@b>": [("John Doe", None, "a", "b")],
    "J. Doe <a@b>": [("J. Doe", None, "a", "b")],
    '"Doe, John" <a@b>': [("Doe, John", None, "a", "b")],
    '"John \\"D\\" Doe" <a@b>': [('John "D" Doe', None, "a", "b")],
    '"" <a@b>': [(None, None, "a", "b")],
    '"a"b <c@d>': [("a b", None, "c", "d")],
    "=?utf-8?q?J?= <j@x>": [("=?utf-8?q?J?=", None, "j", "x")],
    "a@b, C <c@d>": [(None, None, "a", "b"), ("C", None, "c", "d")],
    "a@b,": [(None, None, "a", "b")],
    "a@b (comment (nested) \\) x)": [("comment (nested) ) x", None, "a", "b")],
    "a@b (x) (y)": [("y", None, "a", "b")],
    "John (c) Doe <a@b>": [("John Doe", None, "a", "b")],
    "(only a comment)": [],
    "": [],
    "undisclosed-recipients:;": [group("undisclosed-recipients"), END],
    "grp: a@b, C <c@d>;, e@f": [
        group("grp"),
        (None, None, "a", "b"),
        ("C", None, "c", "d"),
        END,
        (None, None, "e", "f"),
    ],
    "grp: a@b": [group("grp"), (None, None, "a", "b"), END],
    "Two Words:;": [group("Two Words"), END],
    "<@r1,@r2:a@b>": [(None, "@r1,@r2", "a", "b")],
    '"quoted local"@b': [(None, None, "quoted local", "b")],
    '<"@"@x>': [(None, None, "@", "x")],
    "a . b @ c . d": [(None, None, "a.b", "c.d")],
    "a..b@c": [(None, None, "a..b", "c")],
    "a@[192.0.2.1]": [(None, None, "a", "[192.0.2.1]")],
    # What follows is wrong, and read for what it most likely meant; where Dovecot has an answer to offer, its.
    "<>": [MISSING],
    ",": [MISSING],
    "a@b, , c@d": [(None, None, "a", "b"), MISSING, (None, None, "c", "d")],
    "John Doe": [("John Doe", None, "MISSING_MAILBOX", "MISSING_DOMAIN")],
    "a": [(None, None, "a", "MISSING_DOMAIN")],
    "a@": [(None, None, "a", "MISSING_DOMAIN")],
    "@b": [(None, None, "MISSING_MAILBOX", "b")],
    "John <a>": [("John", None, "a", "MISSING_DOMAIN")],
    "<a@b": [(None, None, "a", "SYNTAX_ERROR")],
    "a b@c": [("a", None, "b", "c")],
    "a@b <c@d>": [("a@b", None, "c", "d")],
    "a@b c@d, e@f": [(None, None, "a", "b"), (None, None, "e", "f")],
    "a@b; c@d": [(None, None, "a", "b"), (None, None, "c", "d")],
    "X <a@b>>, d@e": [("X", None, "a", "b"), (None, None, "d", "e")],
    '"unterminated <a@b>': [(None, None, "unterminated <a@b>", "MISSING_DOMAIN")],
    "[x] <a@b>": [("[x]", None, "a", "b")],
}


@pytest.mark.parametrize(("value", "expected"), ADDRESSES.items(), ids=[repr(value) for value in ADDRESSES])
def test_addresses(value: str, expected: Expected) -> None:
    """An address list is read as RFC 5322 means it, and leniently where it means nothing."""
    found = [
        tuple(None if part is None else part.decode() for part in address) for address in addresses(value.encode())
    ]
    assert found == expected


WELL_FORMED = ["a@b.test", "Some Name <c@d.test>", '"Q, N" <e@f.test>', "=?x?q?y?= <g@h>"]


@given(st.lists(st.sampled_from(WELL_FORMED), min_size=1, max_size=5))
def test_the_fast_way_is_the_slow_way(listed: list[str]) -> None:
    """Well-formed addresses mean the same whether or not something that is not well-formed follows."""
    value = ", ".join(listed).encode()
    assert addresses(value) == addresses(value + b", malformed")[:-1]


@given(st.binary(max_size=60))
def test_any_octets(value: bytes) -> None:
    """Whatever a field holds, groups that start also end."""
    found = addresses(value)
    starts = sum(address.host is None and address.mailbox is not None for address in found)
    assert starts == sum(address == END for address in found)


HOSTILE = [b"(", b"a ", b"a.", b". a", b"<", b'"', b"a:;", b"a@b, ", b"@", b"\\", b"x <a@b> y, "]


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_is_linear(piece: bytes, calls: Callable[[Callable[[], object]], int]) -> None:
    """Twice the octets are at most about twice the work."""
    small, large = calls(lambda: addresses(piece * 500)), calls(lambda: addresses(piece * 1000))
    assert large < 2.2 * small + 100
