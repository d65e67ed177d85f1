"""Runs a reference client against leased ports of a lab in this process."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.check.case_run import Run, settled
from labserver.check.witness import canary_of, trace_of
from labserver.report.case import ClientRun
from tests.reference.client import client
from tests.reference.sockets import SocketDriver
from tests.reference.traits import Account

if TYPE_CHECKING:
    from labserver.lab import Lab
    from labserver.mailstore.directory import User
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from tests.reference.traits import Traits

__all__ = ["OverSockets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverSockets:
    """Brings a reference client, in a thread, and a lab together."""

    lab: Lab
    traits: Traits
    user: User
    seconds: float

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:  # noqa: ARG002 -- the interface's
        """Run the client once; one that waits for ever is woken at the deadline."""
        lease = self.lab.lease(scenario.id, [service.name], control=control)
        driver = SocketDriver(
            host=lease.host_names[0], port=lease.ports[service.name], ca=lease.ca_pem, traits=self.traits
        )
        account = Account(user=self.user.name, password=self.user.password, address=self.user.address)
        running = asyncio.ensure_future(asyncio.to_thread(driver.run, client(service.name, self.traits, account)))
        try:
            await asyncio.wait({running}, timeout=self.seconds)
            timed_out = not running.done()
            if not timed_out:
                await settled(lease)
            trace = trace_of(lease.sessions, canary_of(self.user))
            driver.abort()
            await running
        finally:
            await lease.close()
        return Run(trace=trace, client=ClientRun(ended="", seconds=0.0, output=""), timed_out=timed_out)
