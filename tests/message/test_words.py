"""Tests of labserver.message.words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labserver.message.words import readable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?q?J=C3=B6rg_M?=", "Jörg M"),
        (b"=?UTF-8?B?SsO2cmc=?=", "Jörg"),
        (b"=?iso-8859-1*de?Q?J=F6rg?=", "Jörg"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?= =?iso-8859-1?q?=E4?=", "aä"),
        (b"=?utf-8?q?a?= b =?utf-8?q?c?=", "a b c"),
        (b"a =?utf-8?q?b?=c", "a bc"),
        (b"=?utf-8?q?=C3?= =?utf-8?q?=BC?=", "ü"),
        (b"=?utf-8?b?w7w?=", "ü"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?no-such?q?=C3=BC?=", "ü"),
        (b"=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
        (b"=?utf-8?q?abc", "=?utf-8?q?abc"),
        (b"raw \xc3\xbc", "raw ü"),
        (b"raw \xfc", "raw ü"),
        (b"\xfc =?utf-8?q?=C3=BC?=", "ü ü"),
    ],
)
def test_readable(value: bytes, expected: str) -> None:
    """Encoded-words are decoded, what is none stays, raw octets are text too."""
    assert readable(value) == expected


@given(
    st.lists(st.sampled_from([b"=?", b"?=", b"utf-8", b"?q?", b"?b?", b" ", b"=C3", b"x", b"\xc3", b"="])).map(b"".join)
)
def test_any_value(value: bytes) -> None:
    """No value raises."""
    readable(value)
