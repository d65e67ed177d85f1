"""Claims about writing DER: octets as X.690 has them, and as cryptography reads them."""

from __future__ import annotations

import pytest

from labserver.pki import der


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        (der.integer(0), "020100"),
        (der.integer(127), "02017f"),
        (der.integer(128), "02020080"),
        (der.integer(-1), "0201ff"),
        (der.integer(-128), "020180"),
        (der.integer(-129), "0202ff7f"),
        (der.enumerated(6), "0a0106"),
        (der.boolean(value=True), "0101ff"),
        (der.boolean(value=False), "010100"),
        (der.object_identifier("1.2.840.113549"), "06062a864886f70d"),
        (der.object_identifier("2.5.29.17"), "0603551d11"),
        (der.object_identifier("2.999.3"), "0603883703"),
        (der.flags(set()), "030100"),
        (der.flags({0}), "03020780"),
        (der.flags({5, 6}), "03020106"),
        (der.flags({8}), "0303070080"),
        (der.sequence(der.NULL, der.NULL), "300405000500"),
        (der.set_of(der.integer(2), der.integer(1)), "3106020101020102"),
        (der.explicit(3, der.NULL), "a3020500"),
        (der.implicit(2, b"x"), "820178"),
        (der.utc_time("700101000000Z"), "170d3730303130313030303030305a"),
        (der.utf8_string("é"), "0c02c3a9"),
        (der.octet_string(bytes(127))[:2], "047f"),
        (der.octet_string(bytes(128))[:3], "048180"),
        (der.octet_string(bytes(256))[:4], "04820100"),
    ],
)
def test_octets(written: bytes, octets: str) -> None:
    """What is written is what X.690 wants, in as few octets as can be."""
    assert written.hex() == octets


def test_taken_apart() -> None:
    """Elements come apart as they were put together, with short lengths and long ones."""
    parts = (der.integer(1), der.octet_string(bytes(300)), der.NULL)
    assert der.elements(der.sequence(*parts)) == parts
    assert der.contents(der.sequence(*parts)) == b"".join(parts)
