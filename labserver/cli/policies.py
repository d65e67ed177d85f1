"""``--policy``: what the client under test was told to do about TLS, for all services or for each."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean
from labserver.services import SERVICES
from labserver.verdicts.finding import Revocation, Terms
from labserver.verdicts.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from labserver.services import Service

__all__ = ["Instruction", "add_policy", "policies_of", "terms_of"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One ``--policy``."""

    service: str
    """The name of the service that it is for; empty for all of them."""
    policy: Policy

    def __str__(self) -> str:
        return f"{self.service}={self.policy}" if self.service else str(self.policy)


def add_policy(group: argparse._ArgumentGroup) -> None:
    """Add the option."""
    group.add_argument(
        "--policy",
        dest="instructions",
        type=_instruction,
        action="append",
        metavar="[S=]P",
        help=f"what the client was told to do, of {', '.join(Policy)}; for one service: --policy imap=opportunistic "
        "(default: TLS is required)",
    )
    group.add_argument(
        "--revocation",
        choices=tuple(map(str, Revocation)),
        default=str(Revocation.OFF),
        metavar="R",
        help="what the client was told about revoked certificates: off; soft, refuse those known to be revoked; hard, "
        "refuse unknown ones, too (default: %(default)s)",
    )


def _instruction(text: str) -> Instruction:
    service, equals, name = text.rpartition("=")
    if equals and service not in SERVICES:
        raise argparse.ArgumentTypeError(f"unknown service {service!r}{did_you_mean(service, SERVICES)}")
    if name not in tuple(map(str, Policy)):
        near = did_you_mean(name, tuple(map(str, Policy))) or f"; choose from {', '.join(Policy)}"
        raise argparse.ArgumentTypeError(f"unknown policy {name!r}{near}")
    return Instruction(service, Policy(name))


def terms_of(options: argparse.Namespace, bound: float) -> Terms:
    """Return by what all cases are judged; ``bound`` is in seconds."""
    return Terms(bound=bound, revocation=Revocation(options.revocation))


def policies_of(instructions: Sequence[Instruction], services: Sequence[Service]) -> Mapping[str, Policy]:
    """Return the policies by the names of services; a service that is not in it has its own default.

    Raises ConfigurationError where two are given for one service, where one is for a service that is not tried, or
    cannot be followed there, and where none of them can be followed anywhere.
    """
    given: dict[str, Policy] = {}
    for one in instructions:
        if one.service in given:
            where = one.service or "all services"
            raise ConfigurationError(
                f"--policy {one}: there are two policies for {where}, {given[one.service]} and {one.policy}; give one"
            )
        given[one.service] = one.policy
    tried = {service.name: service for service in services}
    for name, policy in given.items():
        if name and name not in tried:
            raise ConfigurationError(f"--policy {name}={policy}: {name} is not tried; add --service {name}")
        if name and not policy.fits(tried[name]):
            raise ConfigurationError(f"--policy {name}={policy}: {name} cannot be used under the policy {policy}")
    policies = {name: given.get(name, given.get("")) for name in tried}
    found = {name: policy for name, policy in policies.items() if policy is not None}
    if len(found) == len(tried) and not any(policy.fits(tried[name]) for name, policy in found.items()):
        names = ", ".join(tried)
        raise ConfigurationError(f"{names} cannot be used under the policy {given['']}: nothing would be judged")
    return found
