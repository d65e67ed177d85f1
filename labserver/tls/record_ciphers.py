"""Record protection by ``cryptography``, in the shape in which tlslite-ng wants its ciphers.

tlslite-ng's own are pure Python: milliseconds for a kilobyte where these take microseconds. What a cipher is given and
gives is the same, so what crosses the network is, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4, TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives._cipheralgorithm import BlockCipherAlgorithm

__all__ = ["AeadCipher", "CbcCipher", "StreamCipher", "cipher_maker"]


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
    """AES or 3DES in CBC mode: one direction of one connection. Padding and MAC are tlslite-ng's."""

    isBlockCipher = True  # noqa: N815 -- tlslite-ng's name
    isAEAD = False  # noqa: N815 -- the same
    implementation = "cryptography"

    def __init__(self, algorithm: BlockCipherAlgorithm, start: bytes, name: str) -> None:
        cipher = Cipher(algorithm, modes.CBC(start))
        self.name = name
        self.block_size = algorithm.block_size // 8
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()

    def encrypt(self, data: bytearray) -> bytearray:
        """Return whole blocks encrypted, chained to those before."""
        return bytearray(self._encryptor.update(bytes(data)))

    def decrypt(self, data: bytearray) -> bytearray:
        """Return whole blocks decrypted, chained to those before."""
        return bytearray(self._decryptor.update(bytes(data)))


class StreamCipher:
    """RC4 (RFC 2246 6.2.3.1): one direction of one connection."""

    isBlockCipher = False  # noqa: N815 -- tlslite-ng's name
    isAEAD = False  # noqa: N815 -- the same
    implementation = "cryptography"
    name = "rc4"

    def __init__(self, key: bytes) -> None:
        self._stream = Cipher(ARC4(key), None).encryptor()

    def encrypt(self, data: bytearray) -> bytearray:
        """Return octets encrypted, or decrypted: it is the same."""
        return bytearray(self._stream.update(bytes(data)))

    decrypt = encrypt


def _gcm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESGCM(bytes(key)), f"aes{8 * len(key)}gcm")


def _ccm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESCCM(bytes(key)), f"aes{8 * len(key)}ccm")


def _short_ccm(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(AESCCM(bytes(key), 8), f"aes{8 * len(key)}ccm_8", tag=8)


def _chacha(key: bytearray, _: object = None) -> AeadCipher:
    return AeadCipher(ChaCha20Poly1305(bytes(key)), "chacha20-poly1305")


def _cbc(key: bytearray, start: bytearray, _: object = None) -> CbcCipher:
    return CbcCipher(algorithms.AES(bytes(key)), bytes(start), f"aes{8 * len(key)}")


def _triple_des(key: bytearray, start: bytearray, _: object = None) -> CbcCipher:
    return CbcCipher(TripleDES(bytes(key)), bytes(start), "3des")


def _rc4(key: bytearray, _start: object = None, _: object = None) -> StreamCipher:
    return StreamCipher(bytes(key))


_MAKERS: dict[str, Callable[..., AeadCipher | CbcCipher | StreamCipher]] = {
    "createAESGCM": _gcm,
    "createAESCCM": _ccm,
    "createAESCCM_8": _short_ccm,
    "createCHACHA20": _chacha,
    "createAES": _cbc,
    "createRC4": _rc4,
    "createTripleDES": _triple_des,
}


def cipher_maker(theirs: Callable[..., object] | None) -> Callable[..., object] | None:
    """Return what makes the same cipher as one of tlslite-ng's own makers; theirs, where there is no other."""
    return None if theirs is None else _MAKERS.get(theirs.__name__, theirs)
