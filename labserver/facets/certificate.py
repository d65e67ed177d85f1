"""Which certificate chain is presented, by the name of its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Certificate", "LabCertificate", "RecipeCertificate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabCertificate:
    """The lab's own, good one."""

    recipe: ClassVar[str] = "good"
    """It is made for the scenario's own names and address, too, where the scenario has a place of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCertificate:
    """A chain that :mod:`labserver.pki.recipes` makes for the names by which the case is reached."""

    recipe: str


Certificate = LabCertificate | RecipeCertificate
