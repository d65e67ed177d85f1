"""The catalogue that a command works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.catalogue.shipped import shipped_catalogue

if TYPE_CHECKING:
    import argparse

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["catalogue_from"]


def catalogue_from(options: argparse.Namespace) -> Catalogue:  # noqa: ARG001 -- nothing adds to it yet
    """Return the catalogue; nothing of it has been read."""
    return shipped_catalogue()
