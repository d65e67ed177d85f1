"""What the lab's servers present and who vouches for it, from the operator's options: the one door to this package.

Nothing that does cryptography is imported before something has to be made, so that a command which only asks a running
lab stays quick.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from labserver.clock import FixedClock, SeededEntropy, SystemEntropy
from labserver.errors import ConfigurationError
from labserver.pki.permitted import LAB
from labserver.pki.profile import HOSTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from labserver.clock import Clock, Entropy
    from labserver.pki.chain import Chain, Issuer

__all__ = [
    "IssuerName",
    "Material",
    "Wanted",
    "certificate_clock",
    "entropy_for",
    "obtain",
    "permit_warning",
    "seed_warning",
]


_SEEDED_ORIGIN = "PUBLIC, from a seed"
"""Stands in a seeded CA's name where others have the host's: every host makes the same one."""


class IssuerName(StrEnum):
    """Who issues: ``--issuer``."""

    LAB = "lab"
    TRUSTME = "trustme"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The operator's options about certificates."""

    host: str = "localhost"
    """The name that the server certificate is for first of all."""
    names: tuple[str, ...] = ()
    """Names and addresses that it is for besides :data:`labserver.pki.profile.HOSTS`."""
    permit: tuple[str, ...] = ()
    """What the CA may issue for besides :data:`labserver.pki.permitted.LAB`: domains, addresses, CIDR ranges."""
    issuer: IssuerName = IssuerName.LAB
    seed: str | None = None
    """Make everything from this text, every time the same; public knowledge therefore."""
    now: datetime | None = None
    """Make certificates as if it were this time; otherwise by the lab's clock."""
    state: Path | None = None
    """Keep the CA in this directory; otherwise it ends with the run."""
    certificate: Path | None = None
    """Serve the chain in this PEM file instead of an issued one."""
    key: Path | None = None
    """Its private key, when that is in another file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the servers present, and who issues more."""

    chain: Chain
    issuer: Issuer
    """For client certificates; not who issued ``chain`` when that is the operator's own."""
    notices: tuple[str, ...] = ()
    """Sentences for the operator, most important first."""


def obtain(wanted: Wanted, *, clock: Clock) -> Material:
    """Return the lab's certificates; raises ``ConfigurationError`` for options that contradict each other or fail."""
    for contradicts, sentence in _CONTRADICTIONS:
        if contradicts(wanted):
            raise ConfigurationError(sentence)
    clock = certificate_clock(wanted, clock)
    material = _issued(wanted, clock) if wanted.certificate is None else _own(wanted, wanted.certificate, clock)
    warnings = []
    if wanted.seed is not None:
        warnings.append(seed_warning(wanted.seed))
    if wanted.permit:
        warnings.append(permit_warning(wanted.permit))
    if wanted.now is not None:
        warnings.append(f"Certificates are made as if it were {wanted.now:%Y-%m-%d %H:%M:%S} UTC (--now).")
    return replace(material, notices=(*warnings, *material.notices))


def entropy_for(wanted: Wanted) -> Entropy:
    """Return where keys come from: what the seed makes, or the system."""
    return SystemEntropy() if wanted.seed is None else SeededEntropy(wanted.seed)


def certificate_clock(wanted: Wanted, clock: Clock) -> Clock:
    """Return the clock by which certificates are made, where the lab's is ``clock``."""
    return clock if wanted.now is None else FixedClock(moment=wanted.now)


def seed_warning(seed: str) -> str:
    """Return what must be said, loudly, whenever a seed is used."""
    return (
        f"WARNING: --seed {seed} makes every key of this lab PUBLIC KNOWLEDGE: whoever knows or guesses the seed can"
        " impersonate any name its CA may issue for. Never put this CA into a trust store that outlives the test."
    )


def permit_warning(permit: tuple[str, ...]) -> str:
    """Return what must be said whenever the CA may issue for more than lab names."""
    return (
        f"WARNING: --permit lets this lab's CA vouch for {', '.join(permit)} too: whoever gets at its key can"
        " impersonate them to every client that trusts it."
    )


_CONTRADICTIONS: tuple[tuple[Callable[[Wanted], bool], str], ...] = (
    (
        lambda wanted: wanted.seed is not None and wanted.state is not None,
        "--seed makes the same CA every time, and a public one: it is not kept with --state. Leave one of the two out.",
    ),
    (
        lambda wanted: wanted.now is not None and wanted.state is not None,
        "--state keeps a CA and renews it in time, which --now would upset: leave one of the two out.",
    ),
    (
        lambda wanted: wanted.issuer is IssuerName.TRUSTME and wanted.seed is not None,
        "--issuer trustme makes random keys and cannot follow --seed: leave one of the two out.",
    ),
    (
        lambda wanted: wanted.issuer is IssuerName.TRUSTME and wanted.state is not None,
        "--issuer trustme makes a new CA for every run and cannot be kept with --state: leave one of the two out.",
    ),
    (
        lambda wanted: wanted.issuer is IssuerName.TRUSTME and wanted.permit != (),
        "--issuer trustme has no name constraints that --permit could widen: leave one of the two out.",
    ),
    (
        lambda wanted: wanted.key is not None and wanted.certificate is None,
        "--key needs the certificate that the key belongs to: add --cert FILE.",
    ),
)


def _own(wanted: Wanted, certificate: Path, clock: Clock) -> Material:
    """Serve the operator's chain; the issuer remains for client certificates and vouches for lab names only."""
    from labserver.pki.own import load_own  # noqa: PLC0415 -- cryptography, only when needed

    chain, notices = load_own(certificate, wanted.key, host=wanted.host, now=clock.now())
    issued = _issued(replace(wanted, host=HOSTS[0], names=()), clock)
    return replace(issued, chain=chain, notices=(*notices, *issued.notices))


def _issued(wanted: Wanted, clock: Clock) -> Material:
    names = (*HOSTS, *wanted.names)
    match wanted.issuer:
        case IssuerName.LAB if wanted.state is not None:
            return _kept(wanted, wanted.state, names, clock)
        case IssuerName.LAB:
            return _ephemeral(wanted, names, clock)
        case IssuerName.TRUSTME:
            from labserver.pki.trustme_issuer import TrustmeIssuer  # noqa: PLC0415 -- trustme, only when needed

            trustme = TrustmeIssuer(clock=clock)
            return Material(chain=trustme.issue_server(wanted.host, names), issuer=trustme)
        case never:
            assert_never(never)


def _ephemeral(wanted: Wanted, names: tuple[str, ...], clock: Clock) -> Material:
    from labserver.pki.authority import LabIssuer, create_authority  # noqa: PLC0415 -- cryptography, only when needed

    permitted = LAB.widened(wanted.permit)
    entropy = entropy_for(wanted)
    origin = platform.node() if wanted.seed is None else _SEEDED_ORIGIN
    authority = create_authority(entropy, clock.now(), origin=origin, permitted=permitted)
    issuer = LabIssuer(authority=authority, entropy=entropy, clock=clock, permitted=permitted)
    return Material(chain=issuer.issue_server(wanted.host, names), issuer=issuer)


def _kept(wanted: Wanted, directory: Path, names: tuple[str, ...], clock: Clock) -> Material:
    from labserver.pki.state import open_state  # noqa: PLC0415 -- cryptography, only when needed

    kept = open_state(
        directory,
        host=wanted.host,
        names=names,
        permitted=LAB.widened(wanted.permit),
        origin=platform.node(),
        entropy=SystemEntropy(),
        clock=clock,
    )
    return Material(chain=kept.chain, issuer=kept.issuer, notices=kept.notices)
