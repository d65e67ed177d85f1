"""Record protection: what is fast gives what tlslite-ng's own gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tlslite import recordlayer

from labserver.tls.record_ciphers import AeadCipher, CbcCipher, cipher_maker

if TYPE_CHECKING:
    from collections.abc import Callable

_DATA = bytearray(range(256)) * 3
_AEAD: tuple[tuple[Callable[..., Any], int], ...] = (
    (recordlayer.createAESGCM, 16),
    (recordlayer.createAESGCM, 32),
    (recordlayer.createAESCCM, 16),
    (recordlayer.createAESCCM_8, 32),
    (recordlayer.createCHACHA20, 32),
)


@pytest.mark.parametrize(("theirs", "size"), _AEAD)
def test_aead(theirs: Callable[..., Any], size: int) -> None:
    """Both seal alike, by the same name, and open what the other has sealed, unless it was tampered with."""
    make = cipher_maker(theirs)
    assert make is not None
    key, nonce, header = bytearray(range(size)), bytearray(12), bytearray(b"header")
    ours: Any = make(key, None)
    known = theirs(key, ["python"])
    assert isinstance(ours, AeadCipher)
    assert (ours.name, ours.tagLength, ours.nonceLength) == (known.name, known.tagLength, known.nonceLength)
    sealed = ours.seal(nonce, _DATA, header)
    assert sealed == known.seal(nonce, _DATA, header)
    assert ours.open(nonce, sealed, header) == _DATA
    sealed[-1] ^= 1
    assert ours.open(nonce, sealed, header) is None


@pytest.mark.parametrize("size", [16, 32])
def test_cbc(size: int) -> None:
    """Both chain their blocks from call to call, alike."""
    make = cipher_maker(recordlayer.createAES)
    assert make is not None
    key, start = bytearray(range(size)), bytearray(16)
    ours: Any = make(key, start)
    known = recordlayer.createAES(key, start, ["python"])
    assert isinstance(ours, CbcCipher)
    assert (ours.name, ours.block_size, ours.isBlockCipher) == (known.name, known.block_size, known.isBlockCipher)
    for _ in range(2):
        sealed = ours.encrypt(bytearray(_DATA))
        assert sealed == known.encrypt(bytearray(_DATA))
        assert ours.decrypt(sealed) == _DATA


def test_triple_des() -> None:
    """3DES is chained in the same way, in blocks of eight octets."""
    make = cipher_maker(recordlayer.createTripleDES)
    assert make is not None
    key, start = bytearray(range(24)), bytearray(8)
    ours: Any = make(key, start)
    known = recordlayer.createTripleDES(key, start, ["python"])
    assert (ours.name, ours.block_size, ours.isBlockCipher) == (known.name, known.block_size, known.isBlockCipher)
    for _ in range(2):
        assert ours.encrypt(bytearray(_DATA)) == known.encrypt(bytearray(_DATA))


def test_rc4() -> None:
    """RC4 goes on from call to call, alike."""
    make = cipher_maker(recordlayer.createRC4)
    assert make is not None
    ours: Any = make(bytearray(range(16)), bytearray())
    known = recordlayer.createRC4(bytearray(range(16)), bytearray(), ["python"])
    reader: Any = make(bytearray(range(16)), bytearray())
    assert (ours.name, ours.isBlockCipher, ours.isAEAD) == (known.name, known.isBlockCipher, known.isAEAD)
    for _ in range(2):
        sealed = ours.encrypt(bytearray(_DATA))
        assert sealed == known.encrypt(bytearray(_DATA))
        assert reader.decrypt(sealed) == _DATA


def test_others() -> None:
    """No encryption stays none, and what is not known here stays theirs."""
    assert cipher_maker(None) is None
    assert cipher_maker(test_others) is test_others
