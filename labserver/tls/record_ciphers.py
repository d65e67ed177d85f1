"""Record protection by ``cryptography``, in the shape in which tlslite-ng wants its ciphers.

tlslite-ng's own are pure Python: milliseconds for a kilobyte where these take microseconds. What a cipher is given and
gives is the same, so what crosses the network is, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AeadCipher", "CbcCipher", "cipher_maker"]


class _Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...
    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes: ...


class AeadCipher:
    """AES-GCM, AES-CCM, ChaCha20-Poly1305 (RFC 5116). The attributes are what tlslite-ng reads."""

    isBlockCipher = False  # noqa: N815 -- tlslite-ng's name
    isAEAD = True  # noqa: N815 -- the same
    implementation = "cryptography"
    nonceLength = 12  # noqa: N815 -- the same

    def __init__(self, primitive: _Aead, name: str, tag: int = 16) -> None:
        self.name = name
        """Tells tlslite-ng how the nonce is made (RFC 5288 3, RFC 7905 2)."""
        self.tagLength = tag  # noqa: N803, RUF100 -- tlslite-ng's name
        self._primitive = primitive

    def seal(self, nonce: bytearray, plaintext: bytearray, data: bytearray) -> bytearray:
        """Return the ciphertext with its tag."""
        return bytearray(self._primitive.encrypt(bytes(nonce), bytes(plaintext), bytes(data)))

    def open(self, nonce: bytearray, ciphertext: bytearray, data: bytearray) -> bytearray | None:
        """Return the plaintext; None if it was tampered with."""
        try:
            return bytearray(self._primitive.decrypt(bytes(nonce), bytes(ciphertext), bytes(data)))
        except InvalidTag:
            return None


class CbcCipher:
    """AES in CBC mode: one direction of one connection. Padding and MAC are tlslite-ng's."""

    isBlockCipher = True  # noqa: N815 -- tlslite-ng's name
    isAEAD = False  # noqa: N815 -- the same
    implementation = "cryptography"
    block_size = 16

    def __init__(self, key: bytes, start: bytes) -> None:
        cipher = Cipher(algorithms.AES(key), modes.CBC(start))
        self.name = f"aes{8 * len(key)}"
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def encrypt(self, data: bytearray) -> bytearray:
        """Return whole blocks encrypted, chained to those before."""
        return bytearray(self._encryptor.update(bytes(data)))

    def decrypt(self, data: bytearray) -> bytearray:
        """Return whole blocks decrypted, chained to those before."""
        return bytearray(self._decryptor.update(bytes(data)))


def _gcm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESGCM(bytes(key)), f"aes{8 * len(key)}gcm")


def _ccm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESCCM(bytes(key)), f"aes{8 * len(key)}ccm")


def _short_ccm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESCCM(bytes(key), 8), f"aes{8 * len(key)}ccm_8", tag=8)


def _chacha(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(ChaCha20Poly1305(bytes(key)), "chacha20-poly1305")


def _cbc(key: bytearray, start: bytearray, _: object = None) -> CbcCipher:
    return CbcCipher(bytes(key), bytes(start))


_MAKERS: dict[str, Callable[..., AeadCipher | CbcCipher]] = {
    "createAESGCM": _gcm,
    "createAESCCM": _ccm,
    "createAESCCM_8": _short_ccm,
    "createCHACHA20": _chacha,
    "createAES": _cbc,
}


def cipher_maker(theirs: Callable[..., object] | None) -> Callable[..., object] | None:
    """Return what makes the same cipher as one of tlslite-ng's own makers; theirs, where there is no other."""
    return None if theirs is None else _MAKERS.get(theirs.__name__, theirs)
