"""What stands in exported files."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["certificates"]

_END = "-----END CERTIFICATE-----"


def certificates(path: Path) -> list[bytes]:
    """Return the certificates in a PEM file, DER or not, in their order."""
    return [ssl.PEM_cert_to_DER_cert(part.strip() + _END) for part in path.read_text().split(_END)[:-1]]
