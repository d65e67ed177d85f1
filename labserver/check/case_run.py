"""One run of a client against one server: a lease, a process, a deadline, and the trace that is left."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from labserver.check.accounts import run_account
from labserver.check.system_ca import install
from labserver.check.witness import Witness, canary_of
from labserver.events import Disconnected
from labserver.report.case import ClientRun, Run
from labserver.verdicts.canary import Exposure
from labserver.verdicts.policy import Policy

if TYPE_CHECKING:
    from labserver.check.client import Launcher
    from labserver.check.command import Command, Prepared
    from labserver.check.naming import Naming
    from labserver.check.slots import Slot, Slots
    from labserver.events import Event
    from labserver.lab import Lab
    from labserver.mailstore.directory import User
    from labserver.scenario import Scenario
    from labserver.servers.leases import Lease
    from labserver.services import Service
    from labserver.session.transcript import SessionRecord

__all__ = ["CaseRun", "Run", "settled"]

_SETTLE = 1.0
"""Seconds after the client's end for its last connections to end, too, however late it is."""
_NOTHING = (Exposure.NAME, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRun:
    """How clients are run: everything that is the same for all cases."""

    lab: Lab
    command: Command
    naming: Naming
    slots: Slots
    seconds: float
    """The deadline."""

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Run the client once. Raises ConfigurationError if it cannot be run at all."""
        cleartext = policy is Policy.PLAINTEXT  # a client that is told to use no TLS has to get through without it
        async with self.slots.slot() as slot:
            with run_account(self.lab) as user:
                lease = self.lab.lease(
                    scenario.id, [service.name], control=control, cleartext=cleartext, account=user.name
                )
                witness = Witness(canary_of(user))
                lease.transcript.subscribers.add(witness.observe)
                try:
                    values = self._values(lease, scenario, service, policy) | _of_account(user)
                    async with self.slots.launcher() as launcher:
                        prepared = self.command.prepared(launcher.folder, lease, user, values)
                        if launcher.certificates is not None:
                            install(launcher.certificates, lease.ca_pem.read_bytes())
                        return await self._watched(launcher, slot, lease, witness, user, prepared)
                finally:
                    await lease.close()

    async def _watched(
        self, launcher: Launcher, slot: Slot, lease: Lease, witness: Witness, user: User, prepared: Prepared
    ) -> Run:
        environment = prepared.environment | dict(self.naming.environment)
        clock = asyncio.get_running_loop().time
        start = clock()
        process = await launcher.launch(prepared.words, environment=environment, terminal=self.command.terminal)
        waiting = asyncio.ensure_future(slot.release_when_waiting(lease))
        try:
            code = await process.wait(self.seconds)
            seconds = clock() - start
            if code is not None:
                slot.client_ended()
            lingers = code is not None and not await settled(lease, max(_SETTLE, self.seconds - seconds))
            trace = witness.trace()  # before the client is ended: what that does is not its own doing
        finally:
            waiting.cancel()
            await process.end()
        ended = _ending(code) if code is not None else f"still running after {self.seconds:g} seconds"
        ended += ", but what it left behind is still connected" if lingers else ""
        return Run(
            trace=trace,
            client=ClientRun(
                ended=ended,
                seconds=seconds,
                output=_masked(process.output, user),
                exit_code=code if code is not None and code >= 0 else None,
                signal=-code if code is not None and code < 0 else None,
            ),
            timed_out=code is None or lingers,
        )

    def _values(self, lease: Lease, scenario: Scenario, service: Service, policy: Policy) -> dict[str, str]:
        host, port = self.naming.host(scenario), str(lease.ports[service.name])
        scheme = service.protocol.value + ("s" if service.implicit_tls else "")
        clear = "none" if policy is Policy.PLAINTEXT else "starttls"
        return {
            "host": host,
            "port": port,
            "ca": str(lease.ca_pem),
            **({"p12": lease.ca["p12"]} if "p12" in lease.ca else {}),
            "security": "tls" if service.implicit_tls else clear,
            "url": f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}",
            "scenario": scenario.id,
            "service": service.name,
            "protocol": service.protocol.value,
            "case": f"{scenario.id}@{service.name}",
            "policy": policy.value,
        }


async def settled(lease: Lease, seconds: float = _SETTLE) -> bool:
    """Wait until every connection has ended, and for those that the system has accepted but not handed over yet.

    Return whether they have: a client that went into the background has not ended with its first process.
    """
    changed = asyncio.Event()

    def observe(_: SessionRecord, event: Event) -> None:
        if isinstance(event, Disconnected):
            changed.set()

    lease.transcript.subscribers.add(observe)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.sleep(0.01)
                while lease.connections.connections:
                    changed.clear()
                    await changed.wait()
    finally:
        lease.transcript.subscribers.discard(observe)
    return not lease.connections.connections


def _of_account(user: User) -> dict[str, str]:
    return {"user": user.name, "password": user.password, "address": user.address}


def _masked(output: str, user: User) -> str:
    """Return what a client printed without the lines that have its password, in whatever form: many print it."""
    canary = canary_of(user)
    return "".join(
        line if (canary.exposed_in(line.encode()) or _NOTHING)[0] < Exposure.PASSWORD else "****\n"
        for line in output.splitlines(keepends=True)
    )


def _ending(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
