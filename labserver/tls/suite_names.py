"""Cipher suites are called as OpenSSL calls them, whatever library has agreed on one."""

from __future__ import annotations

__all__ = ["openssl_name"]

_SPELLINGS = (
    ("TLS_", ""),
    ("ECDH_ANON", "AECDH"),
    ("DH_ANON", "ADH"),
    ("3DES_EDE_CBC", "DES-CBC3"),
    ("RC4_128", "RC4"),
    ("_WITH_", "_"),
    ("AES_128", "AES128"),
    ("AES_256", "AES256"),
    ("_CBC", ""),
    ("POLY1305_SHA256", "POLY1305"),
    ("CCM_8", "CCM8"),
    ("_", "-"),
)


def openssl_name(name: str) -> str:
    """Return OpenSSL's name of a cipher suite from IANA's; they are the same in TLS 1.3."""
    if "_WITH_" not in name:
        return name
    for theirs, ours in _SPELLINGS:
        name = name.replace(theirs, ours)
    return name.removeprefix("RSA-")
