"""Encrypts a password for a profile's ``logins.json``: run as a script, because NSS serves one profile per process.

Usage: ``remember.py LIBNSS3 PROFILE``. Standard input has lines to encrypt; standard output has them so, in base64.
"""

from __future__ import annotations

import base64
import ctypes
import sys

__all__: list[str] = []

_SUCCESS = 0


class _Item(ctypes.Structure):
    """NSS's SECItem: octets and how many."""

    _fields_ = (("type", ctypes.c_uint), ("data", ctypes.c_void_p), ("len", ctypes.c_uint))


def main(library: str, profile: str) -> None:
    """Encrypt every line by the profile's key, which is made if there is none (PK11SDR_Encrypt)."""
    nss = ctypes.CDLL(library)
    nss.PK11_GetInternalKeySlot.restype = ctypes.c_void_p
    nss.PK11_NeedUserInit.argtypes = [ctypes.c_void_p]
    nss.PK11_FreeSlot.argtypes = [ctypes.c_void_p]
    nss.PK11_InitPin.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    nss.PK11SDR_Encrypt.argtypes = [
        ctypes.POINTER(_Item),
        ctypes.POINTER(_Item),
        ctypes.POINTER(_Item),
        ctypes.c_void_p,
    ]
    _check(nss.NSS_InitReadWrite(f"sql:{profile}".encode()), "open the profile")
    slot = nss.PK11_GetInternalKeySlot()
    if nss.PK11_NeedUserInit(slot):
        _check(nss.PK11_InitPin(slot, None, b""), "set an empty master password")
    nss.PK11_FreeSlot(slot)
    for line in sys.stdin.read().splitlines():
        plain = line.encode()
        buffer = ctypes.create_string_buffer(plain, len(plain))
        key, clear, sealed = _Item(), _Item(0, ctypes.addressof(buffer), len(plain)), _Item()
        _check(nss.PK11SDR_Encrypt(ctypes.byref(key), ctypes.byref(clear), ctypes.byref(sealed), None), "encrypt")
        sys.stdout.write(base64.b64encode(ctypes.string_at(sealed.data, sealed.len)).decode() + "\n")
    _check(nss.NSS_Shutdown(), "close the profile")


def _check(status: int, deed: str) -> None:
    if status != _SUCCESS:
        sys.exit(f"NSS could not {deed}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
