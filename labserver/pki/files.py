"""Files that hold keys or that others read while we write: whole or absent, and never readable by the wrong people."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import mkstemp

from labserver.errors import ConfigurationError

__all__ = ["PRIVATE", "PUBLIC", "STORE_PASSWORD", "TEMPORARY_SUFFIX", "read_file", "write_file"]

STORE_PASSWORD = "changeit"  # noqa: S105 -- Java's own default; it protects nothing and is documented
"""The password of every PKCS #12 file we write: some programs insist on one."""

PRIVATE = 0o600
PUBLIC = 0o644
TEMPORARY_SUFFIX = ".labserver-tmp"


def read_file(path: Path, purpose: str) -> bytes:
    """Return a file's octets; raises ``ConfigurationError`` naming its ``purpose`` when that fails."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"Cannot read {purpose} {path}: {error.strerror}.") from error


def write_file(path: Path, content: bytes, *, mode: int, durable: bool = True) -> None:
    """Replace a file in one step: whoever reads it, even after a power failure, finds the old or the new one, whole.

    The octets go into a new file (O_EXCL, 0600 from its first moment) that is then renamed; a symbolic link is
    replaced, not followed. Without ``durable`` a power failure may undo it all, for files that are many and quickly
    made again. Raises ``ConfigurationError``.
    """
    try:
        descriptor, temporary = mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                os.fchmod(stream.fileno(), mode)
                stream.write(content)
                stream.flush()
                if durable:
                    os.fsync(stream.fileno())
            os.replace(temporary, path)  # noqa: PTH105 -- the name is mkstemp's string
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ConfigurationError(f"Cannot write {path}: {error.strerror}.") from error
