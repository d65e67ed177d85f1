"""Chains by name: forged from a recipe, or, for the few that are issued, made by an honest issuer.

A chain has exactly the fault that its recipe names. Everything else is as good as the lab's own chain: the names are
those by which the case is reached, they lie inside the name constraints, and every period of validity lies inside its
issuer's. So a client that refuses it refuses it for that one reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm

from labserver.errors import ConfigurationError, UnavailableError
from labserver.pki.authority import LabIssuer
from labserver.pki.profile import HOSTS, server_profile
from labserver.pki.specification import ChainSpec, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from labserver.clock import Clock, Entropy
    from labserver.pki.chain import Chain, Issuer

__all__ = ["ISSUED", "forge", "forge_spec", "unavailable"]


def _the_labs(issuer: Issuer, entropy: Entropy, clock: Clock) -> Issuer:
    return replace(issuer, entropy=entropy, clock=clock) if isinstance(issuer, LabIssuer) else issuer


def _trustme(_issuer: Issuer, _entropy: Entropy, clock: Clock) -> Issuer:
    from labserver.pki.trustme_issuer import TrustmeIssuer  # noqa: PLC0415 -- trustme, only when needed

    return TrustmeIssuer(clock=clock)


ISSUED: dict[str, Callable[[Issuer, Entropy, Clock], Issuer]] = {"good": _the_labs, "good-trustme": _trustme}
"""Chains that are not forged but issued, and by whom, given the lab's issuer."""
_ONLY_OURS = "Only the lab's own CA issues faulty certificates: leave --issuer out."
_NO_HTTP = "Its certificates say what can be fetched by HTTP, and this lab has no port for that."


def unavailable(recipe: ChainSpec | None, issuer: Issuer, *, http: str = "") -> str | None:
    """Return why the chain of a recipe cannot be made beside ``issuer``, a sentence; None if it can.

    A chain without one is issued. ``http`` is where the lab publishes what can be fetched; empty where it does not.
    """
    return None if recipe is None else _obstacle(recipe, issuer, http)


def forge(  # noqa: PLR0913 -- all that a chain depends on
    recipe: str,
    *,
    issuer: Issuer,
    entropy: Entropy,
    clock: Clock,
    host: str,
    names: tuple[str, ...] = (),
    form: ChainSpec | None = None,
    occasion: str = "",
    http: str = "",
) -> Chain:
    """Return the chain with that name, for a server reached as ``host`` or by one of ``names``.

    ``form`` is another form of the recipe to follow instead; ``occasion`` tells the chains of one recipe apart.

    The chain's anchors are what the client is told to trust: what vouches for the lab, or what the recipe names. A
    seeded ``entropy`` gives each recipe and host a stream of its own, so the order in which chains are made changes
    nothing; whoever needs a chain twice keeps it.

    ``http`` is the beginning of the URLs where the lab publishes what can be fetched, without a slash at its end.

    Raises ``ConfigurationError`` for an unknown recipe, a name that the CA may not vouch for, and a case reached by the
    very name that was to be the wrong one; ``UnavailableError`` when ``issuer`` cannot follow the recipe, or it needs
    an ``http`` that is empty.
    """
    stream = _Stream(entropy=entropy, name=f"recipe {recipe} {host} {occasion}".rstrip())
    if recipe in ISSUED:
        return ISSUED[recipe](issuer, stream, clock).issue_server(host, names)
    spec = form or _recipe(recipe)
    return forge_spec(spec, issuer=issuer, entropy=stream, now=clock.now(), host=host, names=names, http=http)


def forge_spec(
    spec: ChainSpec,
    *,
    issuer: Issuer,
    entropy: Entropy,
    now: datetime,
    host: str,
    names: tuple[str, ...],
    http: str = "",
) -> Chain:
    """Return the chain of any specification; as :func:`forge`, but with ``entropy`` as it is."""
    from labserver.pki.forgery import Surroundings, forge_chain  # noqa: PLC0415 -- the same
    from labserver.pki.recipe_files import KEY_POOL  # noqa: PLC0415 -- DER and keys, only when something is forged

    if reason := _obstacle(spec, issuer, http):
        raise UnavailableError(reason)
    profile = server_profile(host, names)
    authority = None
    if isinstance(issuer, LabIssuer):
        if spec.needs_lab:
            issuer.check(profile)
        authority = issuer.authority
    _check_wrong_names(spec, {*profile.names, *profile.addresses})
    label = host.partition(".")[0]
    around = Surroundings(
        entropy=entropy,
        now=now,
        host=host,
        names=profile.names,
        addresses=profile.addresses,
        usual=tuple(name for name in profile.names if name.partition(".")[0] != label),
        pool=KEY_POOL,
        id=spec.id,
        http=http,
    )
    try:
        return forge_chain(spec, around, authority, anchors=issuer.anchors)
    except (UnsupportedAlgorithm, ImportError) as error:
        raise UnavailableError(f"the installed cryptography cannot make it: {error}") from error


def _obstacle(spec: ChainSpec, issuer: Issuer, http: str) -> str | None:
    if spec.needs_lab and not isinstance(issuer, LabIssuer):
        return _ONLY_OURS
    return _NO_HTTP if spec.published and not http else None


def _check_wrong_names(spec: ChainSpec, right: set[str]) -> None:
    """Raise ConfigurationError if a name that is to be wrong is one that the operator has given to the lab."""
    kinds = ("dns:", "ip:")
    wrong = {name.removeprefix(kind) for name in spec.leaf.names for kind in kinds if name.startswith(kind)}
    if spec.verdict is Verdict.REJECT and (both := wrong & right - {*HOSTS}):
        raise ConfigurationError(f"the lab is reached as {min(both)}, which was to be a wrong name")


def _recipe(name: str) -> ChainSpec:
    from labserver.pki.recipe_files import all_recipes  # noqa: PLC0415 -- read only when somebody needs one of them

    if name not in all_recipes():
        raise ConfigurationError(f"there is no certificate recipe {name!r}: labserver scenarios lists them")
    return all_recipes()[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stream:
    """An entropy of its own within another (an :class:`labserver.clock.Entropy`)."""

    entropy: Entropy
    name: str

    def token(self, size: int, purpose: str) -> bytes:
        """Return ``size`` bytes of this stream's own for ``purpose``."""
        return self.entropy.token(size, f"{self.name} {purpose}")
