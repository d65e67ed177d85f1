"""Files that the operator names, read with a purpose; how they are written is ``labserver.private_files``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["STORE_PASSWORD", "read_file"]

STORE_PASSWORD = "changeit"  # noqa: S105 -- Java's own default; it protects nothing and is documented
"""The password of every PKCS #12 file we write: some programs insist on one."""


def read_file(path: Path, purpose: str) -> bytes:
    """Return a file's octets; raises ``ConfigurationError`` naming its ``purpose`` when that fails."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read {purpose} {path}: {error.strerror}") from error
