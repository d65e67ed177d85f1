"""A certificate as the forge has made it, with the key that nobody else knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labserver.pki.keys import PrivateKey

__all__ = ["Made"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What others that are signed need to know of a certificate; names and numbers as they stand in it."""

    certificate: bytes
    """DER, or what corruptions have made of it."""
    subject: bytes
    """Its Name, DER."""
    serial: bytes
    """The octets of its number."""
    key: PrivateKey
    identifier: bytes
    """Its key identifier, as those that it issues name it."""
