"""Claims about corruptions of a whole certificate: what was signed stays as it is, if anything is left at all."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from labserver.pki import der
from labserver.pki.corruptions.after_signing import AFTER_SIGNING

SIGNED, ALGORITHM = der.sequence(der.octet_string(bytes(200))), der.sequence(der.NULL)
SIGNATURE = encode_dss_signature(0x1234, 0x5678)
CERTIFICATE = der.sequence(SIGNED, ALGORITHM, der.bit_string(SIGNATURE))


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("signature-bit-flipped", "0030080202123402025679"),
        ("signature-zero", "003006020100020100"),
        ("signature-unused-bit", "0130080202123402025678"),
        ("signature-nonminimal", "003009020300123402025678"),
    ],
)
def test_signature(name: str, signature: str) -> None:
    """The signature alone is another."""
    signed, algorithm, value = der.elements(AFTER_SIGNING[name](CERTIFICATE))
    assert (signed, algorithm) == (SIGNED, ALGORITHM)
    assert der.contents(value).hex() == signature


def test_unused_bit_of_an_odd_signature() -> None:
    """The bit that is declared unused is zero in any case, by the signature's twin n - s."""
    odd = der.bit_string(der.sequence(der.integer(5), der.integer(7)))
    corrupted = AFTER_SIGNING["signature-unused-bit"](der.sequence(SIGNED, ALGORITHM, odd))
    content = der.contents(der.elements(corrupted)[2])
    order = int("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", 16)
    assert content == b"\x01" + der.sequence(der.integer(5), der.integer(order - 7))
    assert content[-1] % 2 == 0


@pytest.mark.parametrize(
    ("name", "octets"),
    [
        ("length-nonminimal", b"\x30\x84\0\0\0\xdf" + der.contents(CERTIFICATE)),
        ("length-indefinite", b"\x30\x80" + der.contents(CERTIFICATE) + b"\0\0"),
        ("trailing-data", CERTIFICATE + b"\0\0"),
        ("truncated", CERTIFICATE[:-10]),
        ("nothing", b""),
    ],
)
def test_writing(name: str, octets: bytes) -> None:
    """The same is written in another way, or less of it."""
    assert AFTER_SIGNING[name](CERTIFICATE) == octets


def test_garbage() -> None:
    """Garbage has the size of a certificate and not one octet of it."""
    garbage = AFTER_SIGNING["garbage"](CERTIFICATE)
    assert len(garbage) == len(CERTIFICATE)
    assert all(ours != theirs for ours, theirs in zip(garbage, CERTIFICATE, strict=True))


def test_same_numbers() -> None:
    """A signature that is not minimal means the same numbers, to a reader who does not mind."""
    value = der.contents(der.elements(AFTER_SIGNING["signature-nonminimal"](CERTIFICATE))[2])[1:]
    numbers = [int.from_bytes(der.contents(number)) for number in der.elements(value)]
    assert numbers == list(decode_dss_signature(SIGNATURE))
