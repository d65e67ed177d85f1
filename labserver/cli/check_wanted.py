"""What a command line of ``labserver check`` asks for, found good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.cli.check_options import PATIENCE
from labserver.verdicts.finding import BOUND

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from labserver.check.command import Command
    from labserver.report.case import CaseReport
    from labserver.report.standing import Bar
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy

__all__ = ["Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line asks for, found good."""

    options: argparse.Namespace
    command: Command
    scenarios: Sequence[Scenario]
    services: Sequence[Service]
    policies: Mapping[str, Policy]
    bar: Bar
    earlier: Sequence[CaseReport]
    """What an interrupted run has found already."""

    @property
    def deadline(self) -> float:
        """Seconds for which a client is waited for."""
        patience = self.options.patience or self.options.timeout or PATIENCE
        return float(min(patience, self.bound))

    @property
    def bound(self) -> float:
        """Seconds in which a client has to end."""
        return float(self.options.timeout or BOUND)
