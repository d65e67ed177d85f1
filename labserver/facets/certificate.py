"""Which certificate chain is presented, by the name of its recipe."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Certificate", "LabCertificate", "RecipeCertificate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabCertificate:
    """The lab's own, good one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeCertificate:
    """A chain that :mod:`labserver.pki.recipes` makes for the names by which the case is reached."""

    recipe: str


Certificate = LabCertificate | RecipeCertificate
