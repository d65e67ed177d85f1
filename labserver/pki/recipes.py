"""Certificate recipes: each is a difference from a good server certificate, as data, and who signs it.

A chain has exactly the fault that its recipe names. Everything else is as good as the lab's own chain: the names are
those by which the case is reached, they lie inside the name constraints, and every period of validity lies inside its
issuer's. So a client that refuses it refuses it for that one reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.authority import LabIssuer, create_authority, issue_by_itself
from labserver.pki.permitted import LAB
from labserver.pki.profile import Profile, server_profile

if TYPE_CHECKING:
    from datetime import datetime

    from labserver.clock import Clock, Entropy
    from labserver.pki.chain import Chain, Issuer
    from labserver.pki.specification import ChainSpec

__all__ = ["RECIPES", "Recipe", "Signer", "forge", "forge_spec", "make", "own_anchor", "unavailable"]


class Signer(StrEnum):
    """Who vouches for the leaf."""

    LAB = "lab"
    """The CA that the client has been told to trust."""
    ITSELF = "itself"
    """The leaf's own key; it is no CA all the same."""
    STRANGER = "stranger"
    """A CA as good as the lab's that nobody trusts; its root is sent along."""
    TRUSTME = "trustme"
    """trustme's CA, which the client must be told about; it takes nothing but names from a recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What differs from a good server certificate; by default nothing."""

    signer: Signer = Signer.LAB
    names: tuple[str, ...] | None = None
    """The only names and addresses, the common name first, instead of those by which the case is reached."""
    lifetime: timedelta | None = None
    """It begins with the day before the one on which it is made; a day's lifetime therefore ended yesterday."""


RECIPES: dict[str, Recipe] = {
    "good": Recipe(),
    "good-trustme": Recipe(signer=Signer.TRUSTME),
    "self-signed": Recipe(signer=Signer.ITSELF),
    "expired": Recipe(lifetime=timedelta(days=1)),
    "wrong-host": Recipe(names=("mail.other.example",)),
    "untrusted-root": Recipe(signer=Signer.STRANGER),
}
"""Every recipe by its name."""
_ONLY_OURS = "Only the lab's own CA issues faulty certificates: leave --issuer out."


def unavailable(recipe: str, issuer: Issuer) -> str | None:
    """Return why ``issuer`` cannot follow the recipe with that name, a sentence; None if it can."""
    if recipe not in RECIPES:
        from labserver.pki.cookbook import cookbook  # noqa: PLC0415 -- read only when somebody needs one of them

        ours = cookbook()[recipe].needs_lab
        return _ONLY_OURS if ours and not isinstance(issuer, LabIssuer) else None
    one = RECIPES[recipe]
    ours = one.signer is Signer.LAB and one != Recipe()
    return _ONLY_OURS if ours and not isinstance(issuer, LabIssuer) else None


def own_anchor(recipe: str) -> bool:
    """Return whether a client must be told to trust another anchor than the lab's."""
    if recipe in RECIPES:
        return RECIPES[recipe].signer is Signer.TRUSTME
    from labserver.pki.cookbook import cookbook  # noqa: PLC0415 -- as above

    return cookbook()[recipe].own_anchor


def forge(
    recipe: str, *, issuer: Issuer, entropy: Entropy, clock: Clock, host: str, names: tuple[str, ...] = ()
) -> Chain:
    """Return the chain of the recipe with that name, for a server reached as ``host`` or by one of ``names``.

    The chain's anchors are what the client is told to trust: the lab's, whatever the fault; trustme's own for
    trustme. A seeded ``entropy`` gives each recipe and host a stream of its own, so the order in which chains are made
    changes nothing; whoever needs a chain twice keeps it.

    Raises ``ConfigurationError`` for an unknown recipe, a name that the CA may not vouch for, and a case reached by the
    very name that was to be the wrong one; ``UnavailableError`` when ``issuer`` cannot follow the recipe.
    """
    stream = _Stream(entropy=entropy, name=f"recipe {recipe} {host}")
    if recipe not in RECIPES:
        from labserver.pki.cookbook import cookbook  # noqa: PLC0415 -- read only when somebody needs one of them

        if recipe not in cookbook():
            raise ConfigurationError(f"There is no certificate recipe {recipe!r}: there are {', '.join(RECIPES)}, …")
        return forge_spec(cookbook()[recipe], issuer=issuer, entropy=stream, now=clock.now(), host=host, names=names)
    return make(RECIPES[recipe], issuer=issuer, entropy=stream, clock=clock, host=host, names=names)


def make(recipe: Recipe, *, issuer: Issuer, entropy: Entropy, clock: Clock, host: str, names: tuple[str, ...]) -> Chain:
    """Return the chain of any recipe; as :func:`forge`, but with ``entropy`` as it is."""
    profile = _profile(recipe, host, names)
    match recipe.signer:
        case Signer.LAB:
            if isinstance(issuer, LabIssuer):
                return replace(issuer, entropy=entropy, clock=clock).issue_profile(profile)
            if recipe == Recipe():
                return issuer.issue_server(host, names)
            raise UnavailableError(_ONLY_OURS)
        case Signer.ITSELF:
            return replace(issue_by_itself(profile, entropy=entropy, now=clock.now()), anchors=issuer.anchors)
        case Signer.STRANGER:
            permitted = issuer.permitted if isinstance(issuer, LabIssuer) else LAB
            authority = create_authority(entropy, clock.now(), origin="nobody trusts", permitted=permitted)
            stranger = LabIssuer(authority=authority, entropy=entropy, clock=clock, permitted=permitted)
            chain = stranger.issue_profile(profile)
            return replace(chain, intermediates=(*chain.intermediates, *chain.anchors), anchors=issuer.anchors)
        case Signer.TRUSTME:
            from labserver.pki.trustme_issuer import TrustmeIssuer  # noqa: PLC0415 -- trustme, only when needed

            return TrustmeIssuer(clock=clock).issue_server(profile.common_name, (*profile.names, *profile.addresses))
        case never:
            assert_never(never)


def forge_spec(
    spec: ChainSpec, *, issuer: Issuer, entropy: Entropy, now: datetime, host: str, names: tuple[str, ...]
) -> Chain:
    """Return the chain of any specification; as :func:`forge`, but with ``entropy`` as it is."""
    from labserver.pki.cookbook import KEY_POOL  # noqa: PLC0415 -- as above
    from labserver.pki.forgery import Surroundings, forge_chain  # noqa: PLC0415 -- as above

    profile = server_profile(host, names)
    authority = None
    if isinstance(issuer, LabIssuer):
        if spec.needs_lab:
            issuer.check(profile)
        authority = issuer.authority
    elif spec.needs_lab:
        raise UnavailableError(_ONLY_OURS)
    label = host.partition(".")[0]
    around = Surroundings(
        entropy=entropy,
        now=now,
        host=host,
        names=profile.names,
        addresses=profile.addresses,
        usual=tuple(name for name in profile.names if name.partition(".")[0] != label),
        pool=KEY_POOL,
    )
    return forge_chain(spec, around, authority)


def _profile(recipe: Recipe, host: str, names: tuple[str, ...]) -> Profile:
    profile = server_profile(host, names)
    if recipe.names is not None:
        if right := {host, *names} & {*recipe.names}:
            raise ConfigurationError(f"The lab is reached as {', '.join(right)}, which was to be a wrong name.")
        profile = server_profile(recipe.names[0], recipe.names)
    if recipe.lifetime is not None:
        profile = replace(profile, lifetime=recipe.lifetime)
    return profile


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """An entropy of its own within another (an :class:`labserver.clock.Entropy`)."""

    entropy: Entropy
    name: str

    def token(self, size: int, purpose: str) -> bytes:
        """Return ``size`` bytes of this stream's own for ``purpose``."""
        return self.entropy.token(size, f"{self.name} {purpose}")
