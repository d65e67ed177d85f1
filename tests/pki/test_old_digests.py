"""Claims about MD2 and MD4: they are those of their RFCs."""

from __future__ import annotations

import pytest

from labserver.pki.old_digests import md2, md4

_DIGITS = b"1234567890" * 8
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "8350e5a3e24c153df2275c9f80692773"),
        (b"a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"),
        (b"abc", "da853b0d3f88d99b30283a69e6ded6bb"),
        (b"message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        (_LETTERS, "da33def2a42df13975352846c30338cd"),
        (_DIGITS, "d5976f79d83d3a0dc9806c3c66f3efd8"),
    ],
)
def test_md2(message: bytes, digest: str) -> None:
    """MD2 gives what RFC 1319 A.5 says."""
    assert md2(message).hex() == digest


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (_LETTERS, "043f8582f241db351ce627e153e7f0e4"),
        (_DIGITS, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4(message: bytes, digest: str) -> None:
    """MD4 gives what RFC 1320 A.5 says."""
    assert md4(message).hex() == digest
