"""Diffie-Hellman groups in a prime field, for suites with DHE: a good one, and weak ones for clients to refuse."""

from __future__ import annotations

import base64

__all__ = ["FFDHE2048", "WEAK", "parameters"]

FFDHE2048 = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
"""RFC 7919 A.1: without it, OpenSSL has no suite for a DSA key."""

WEAK = {
    "dh512": int(
        "9FDB8B8A004544F0045F1737D0BA2E0B274CDF1A9F588218FB435316A16E3741"
        "71FD19D8D8F37C39BF863FD60E3E300680A3030C6E4C3757D08F70E6AA871033",
        16,
    ),
    "dh768": int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF",
        16,
    ),
    "dh1024": int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74"
        "020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437"
        "4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
        16,
    ),
}
"""The primes, by the names that ``groups`` has for them; the generator is 2. Of 512 bits: the one that most servers had
when Logjam (CVE-2015-4000) broke them all at once. Of 768 and 1024: the Oakley groups (RFC 2409 6.1, 6.2)."""
_INTEGER, _SEQUENCE, _LONG = 0x02, 0x30, 0x80
"""X.690 8.1.3, 8.3, 8.9."""


def parameters(name: str) -> bytes:
    """Return a weak group as PEM (PKCS #3, RFC 7468)."""
    prime = WEAK[name]
    numbers = (value.to_bytes(value.bit_length() // 8 + 1) for value in (prime, 2))
    octets = _der(_SEQUENCE, b"".join(_der(_INTEGER, number) for number in numbers))
    return b"-----BEGIN DH PARAMETERS-----\n" + base64.encodebytes(octets) + b"-----END DH PARAMETERS-----\n"


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size >= _LONG:
        count = (size.bit_length() + 7) // 8
        return bytes([tag, _LONG | count]) + size.to_bytes(count) + content
    return bytes([tag, size]) + content
