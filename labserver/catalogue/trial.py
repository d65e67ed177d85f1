"""Tries a recipe: makes its chain for nobody and has a TLS engine serve it. What cannot be made or served is a mistake.

The recipes that the lab comes with have tests for that; those in users' files have this.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from labserver.clock import FixedClock, SeededEntropy
from labserver.errors import LabError, UnavailableError
from labserver.pki.material import Wanted, obtain
from labserver.pki.recipes import forge_spec
from labserver.pki.specification import ENGINES
from labserver.tables import TableError
from labserver.tls.probe import unpresentable
from labserver.tls.recipe_settings import following, presenting

if TYPE_CHECKING:
    from labserver.pki.chain import Chain, Issuer
    from labserver.pki.specification import ChainSpec
    from labserver.tables import Key

__all__ = ["tried"]

_SEED = "trial"
_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_HTTP = "http://127.0.0.1:1"


def tried(recipe: ChainSpec, *, any_engine: bool) -> ChainSpec:
    """Return the recipe, with the simplest TLS engine that serves its chain if it may be any.

    Raises TableError if its chain can be made nowhere, or no engine serves it. What only this host cannot make is no
    mistake: a lab says so to who asks for the scenario.
    """
    for form, path in ((recipe, ()), (recipe.other, ("other",))):
        if form is None:
            continue
        chain = _made(form, path)
        if chain is not None:
            recipe = replace(recipe, engine=_engine(form, chain, ENGINES if any_engine else (recipe.engine,), path))
            any_engine = any_engine and recipe.engine != ENGINES[-1]
    return recipe


def _made(recipe: ChainSpec, path: tuple[Key, ...]) -> Chain | None:
    """Return a chain; None if this host, or this version of a library, cannot make it."""
    try:
        return forge_spec(
            recipe,
            issuer=_issuer(),
            entropy=SeededEntropy(_SEED),
            now=_NOW,
            host=f"{recipe.id}.lab.test",
            names=("localhost", "127.0.0.1"),
            http=_HTTP,
        )
    except UnavailableError:
        return None
    except UnicodeEncodeError as error:
        raise TableError(path, f"its chain cannot be made: {error.object!r} is no text of its kind") from error
    except (LabError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        raise TableError(path, f"its chain cannot be made: {error}") from error


def _engine(recipe: ChainSpec, chain: Chain, names: tuple[str, ...], path: tuple[Key, ...]) -> str:
    """Return the first of the engines that serves a chain of a recipe."""
    settings = following(presenting(chain), recipe)
    reasons = []
    for name in names:
        reason = unpresentable(settings, name)
        if reason is None:
            return name
        reasons.append(reason)
    raise TableError((*path, "engine") if len(names) == 1 else path, " ".join(reasons))


@cache
def _issuer() -> Issuer:
    return obtain(Wanted(seed=_SEED), clock=FixedClock(moment=_NOW)).issuer
