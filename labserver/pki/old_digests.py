"""MD2 (RFC 1319) and MD4 (RFC 1320): no library offers them any more, and a signature with one has to be a true one."""

from __future__ import annotations

import struct

__all__ = ["md2", "md4"]

_BLOCK = 16
_PI = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49"
    "a0fbf58ebb2fee7aa968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703ff1930b348a5b5d1d75e922aac56aac6"
    "4fb838d296a47db676fc6be29c7404f1459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f5547a323dd51af3a"
    "c35cf9cebac5ea262c530d6e85288409d3dfcdf441814d526adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)
"""The permutation made of the digits of pi (RFC 1319 3.2)."""
_ROUNDS = 18

_WORD = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_STEPS = (
    (0x00000000, (3, 7, 11, 19), tuple(range(16))),
    (0x5A827999, (3, 5, 9, 13), (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)),
    (0x6ED9EBA1, (3, 9, 11, 15), (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
)
"""The rounds of MD4: constant, shifts, order of the words (RFC 1320 3.4)."""


def md2(message: bytes) -> bytes:
    """Return the MD2 digest, 16 octets."""
    fill = _BLOCK - len(message) % _BLOCK
    padded = message + bytes((fill,)) * fill
    checksum, last = bytearray(_BLOCK), 0
    for start in range(0, len(padded), _BLOCK):
        for index in range(_BLOCK):
            last = checksum[index] = checksum[index] ^ _PI[padded[start + index] ^ last]
    padded += checksum
    state = bytearray(_BLOCK)
    for start in range(0, len(padded), _BLOCK):
        block = padded[start : start + _BLOCK]
        mixed = state + block + bytes(one ^ other for one, other in zip(state, block, strict=True))
        previous = 0
        for turn in range(_ROUNDS):
            for index in range(len(mixed)):
                previous = mixed[index] = mixed[index] ^ _PI[previous]
            previous = (previous + turn) % 256
        state = mixed[:_BLOCK]
    return bytes(state)


def md4(message: bytes) -> bytes:
    """Return the MD4 digest, 16 octets."""
    padded = message + b"\x80" + bytes((55 - len(message)) % 64) + struct.pack("<Q", len(message) * 8)
    state = _START
    for start in range(0, len(padded), 64):
        added = _compressed(state, struct.unpack_from("<16I", padded, start))
        state = tuple((one + other) & _WORD for one, other in zip(state, added, strict=True))  # type: ignore[assignment]  # of four
    return struct.pack("<4I", *state)


def _compressed(state: tuple[int, int, int, int], words: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for turn, (constant, shifts, order) in enumerate(_STEPS):
        for step, index in enumerate(order):
            mixed = (b & c | ~b & d, b & c | b & d | c & d, b ^ c ^ d)[turn]
            summed = (a + mixed + words[index] + constant) & _WORD
            shift = shifts[step % 4]
            a, b, c, d = d, (summed << shift | summed >> 32 - shift) & _WORD, b, c
    return a, b, c, d
