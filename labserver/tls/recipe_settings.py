"""Settings of TLS that follow from a chain, and from the recipe by which it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from labserver.pki.chain import pem
from labserver.tls.engine import TlsSettings

if TYPE_CHECKING:
    from labserver.pki.chain import Chain
    from labserver.pki.specification import ChainSpec

__all__ = ["following", "presenting"]


def presenting(chain: Chain) -> TlsSettings:
    """Return settings that present a chain, with what is stapled to it or delegated by it."""
    return TlsSettings(
        certificate_chain=chain.chain_pem,
        private_key=chain.key_pem,
        staple=chain.staple,
        delegated=chain.delegated,
        delegated_key=pem("PRIVATE KEY", chain.delegated_key),
    )


def following(settings: TlsSettings, recipe: ChainSpec) -> TlsSettings:
    """Return settings as the recipe of their chain has them: versions, strength, how it is presented."""
    settings = replace(settings, weak=recipe.weak, present=recipe.present, maximum=recipe.newest)
    return replace(settings, minimum=recipe.versions[0]) if recipe.versions else settings
