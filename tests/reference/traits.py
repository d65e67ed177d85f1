"""Who the reference clients are. They differ in a few traits, so that every misbehaviour has one that falls for it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ANTIQUE",
    "CLIENTS",
    "DILIGENT",
    "GULLIBLE",
    "IMPATIENT",
    "MISTAKEN",
    "RECKLESS",
    "STRICT",
    "Account",
    "Traits",
]

_STRONGEST_FIRST = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What a client is careful about, and how much it does."""

    name: str
    careful: bool
    """It verifies, insists on TLS, forgets what came before it, checks proofs, and takes no for an answer."""
    patience: float | None
    """Seconds it waits for the server after its own last word; None for ever."""
    thorough: bool = False
    """It does a whole job: several recipients, messages read, kept and awaited. Otherwise the least that shows what it
    believes."""
    deaf: bool = False
    """It goes on whatever it is answered."""
    connections: int = 1
    """Connections it makes before it gives up."""
    prefers: tuple[str, ...] = ()
    """SASL mechanisms in its order; with none, the protocol's own command where PLAIN is offered, else SCRAM."""
    mistaken: bool = False
    """It has the wrong password."""
    whole: bool = False
    """It takes a line only if all of it comes at once, as if TCP had lines."""
    antique: bool = False
    """It speaks every version of TLS since SSL 3.0 with every cipher suite, and checks nothing."""


STRICT = Traits(name="strict", careful=True, patience=3.0)
"""Right in every respect."""
GULLIBLE = Traits(name="gullible", careful=False, patience=None)
"""Falls for everything."""
DILIGENT = Traits(name="diligent", careful=True, patience=2.0, thorough=True, connections=2, prefers=_STRONGEST_FIRST)
"""Right in every respect, with a whole job to do: it tries again what was refused for a moment."""
IMPATIENT = Traits(name="impatient", careful=True, patience=0.3, whole=True, thorough=True, prefers=_STRONGEST_FIRST)
"""Careful, but it gives up on a server that is only slow, or whose lines come in pieces."""
RECKLESS = Traits(
    name="reckless",
    careful=False,
    patience=None,
    thorough=True,
    deaf=True,
    connections=3,
    prefers=_STRONGEST_FIRST[::-1],
)
"""Goes on whatever happens: with weaker mechanisms, in clear, with replies that are no answer to what it said."""
ANTIQUE = Traits(name="antique", careful=False, patience=None, antique=True)
"""Gullible, and takes whatever TLS it is given."""
MISTAKEN = Traits(
    name="mistaken", careful=True, patience=2.0, thorough=True, prefers=_STRONGEST_FIRST[::-1], mistaken=True
)
"""Careful, with the wrong password: only such a one is told that it is right."""

CLIENTS = (STRICT, DILIGENT, IMPATIENT, GULLIBLE, RECKLESS, ANTIQUE, MISTAKEN)
"""All of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the client is."""

    user: str
    password: str
    address: str
