"""A private ``/etc/ssl/certs`` for clients that have no option for a CA (``--system-ca``).

Debian's layout, which OpenSSL, GnuTLS and Go know: the bundle ``ca-certificates.crt``, and a file for each certificate
under the hash of its subject (c_rehash(1)). The folder is mounted over the system's where only the client sees it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from labserver.check.naming import SYSTEM_CERTIFICATES
from labserver.errors import ConfigurationError
from labserver.private_files import PUBLIC, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.check.naming import Naming

__all__ = ["check_available", "install"]

_BUNDLE = "ca-certificates.crt"
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def check_available(naming: Naming) -> None:
    """Raise ConfigurationError where clients cannot have such a folder."""
    if not SYSTEM_CERTIFICATES.is_dir():
        raise ConfigurationError(f"--system-ca: this system has no {SYSTEM_CERTIFICATES}")
    if not naming.words:
        raise ConfigurationError(
            f"--system-ca: clients cannot have a {SYSTEM_CERTIFICATES} of their own here; run as root, or allow "
            "unshare --mount"
        )


def install(folder: Path, pem: bytes) -> None:
    """Have ``folder`` hold the certificates in ``pem``, and nothing else."""
    from OpenSSL import crypto  # noqa: PLC0415 -- only where it is asked for

    for old in folder.iterdir():
        old.unlink()
    write_file(folder / _BUNDLE, pem, mode=PUBLIC, durable=False)
    hashes = Counter[int]()
    for part in pem.split(_BEGIN)[1:]:
        one = _BEGIN + part.partition(_END)[0] + _END + b"\n"
        try:
            subject = crypto.load_certificate(crypto.FILETYPE_PEM, one).subject_name_hash()
        except crypto.Error:
            continue  # who cannot read it finds it in the bundle
        write_file(folder / f"{subject:08x}.{hashes[subject]}", one, mode=PUBLIC, durable=False)
        hashes[subject] += 1
