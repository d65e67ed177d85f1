"""What the two reference clients do in every case, found out once for all tests of the catalogue.

Certificates are many: what a client makes of one is found out when a test asks for it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from labserver.check.campaign import Campaign
from labserver.lab import Lab
from labserver.mailstore.directory import User
from labserver.misbehaviours.chain import Chain
from labserver.misbehaviours.kinds.oracle import Withhold
from labserver.servers import loop
from labserver.services import SERVICES
from labserver.settings import Settings
from labserver.verdicts.finding import STRICTEST
from labserver.verdicts.subject import CONTROL
from tests.ours import CATALOGUE, catalogue_with, written
from tests.patience import unhurried
from tests.reference.in_memory import InMemory, MemoryClock
from tests.reference.over_sockets import OverSockets
from tests.reference.traits import GULLIBLE, STRICT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from labserver.catalogue.catalogue import Catalogue
    from labserver.check.case_run import Run
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service
    from labserver.verdicts.policy import Policy
    from tests.reference.traits import Traits

_DEADLINE = 5.0
"""Longer than the strict client's patience, so that it ends and the gullible one does not."""
_WITHHELD = 0.4
"""Seconds that an oracle withholds its answers in these tests. All three are those of an idle machine."""
_USER = User(name="canary-memory", password="Sing5memory")

Reports = dict[tuple[str, str], "CaseReport"]
"""A client's report of a case, by their names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembering:
    """A runner that lets its client meet the known-good server once on each service, however many campaigns do."""

    runner: InMemory
    good: dict[str, Run] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """The deadline."""
        return self.runner.seconds

    async def run(self, scenario: Scenario, service: Service, policy: Policy, *, control: bool = False) -> Run:
        """Run the client once, or return what it did at the known-good server."""
        if scenario.id != CONTROL:
            return await self.runner.run(scenario, service, policy, control=control)
        if service.name not in self.good:
            self.good[service.name] = await self.runner.run(scenario, service, policy)
        return self.good[service.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forged:
    """What the clients make of certificates made from recipes; each meets one when it is asked for."""

    runners: Mapping[str, Remembering]
    found: Reports = field(default_factory=dict)

    def report(self, client: str, scenario: Scenario, service: str) -> CaseReport:
        """Return a client's report of a certificate on a service."""
        key = client, f"{scenario.id}@{service}"
        if key not in self.found:
            campaign = Campaign(
                terms=STRICTEST,
                runner=self.runners[client],
                catalogue=CATALOGUE,
                scenarios=[scenario],
                services=[SERVICES[service]],
            )
            self.found.update({(client, report.id): report for report in asyncio.run(_reports(campaign))})
        return self.found[key]


async def _reports(campaign: Campaign) -> list[CaseReport]:
    return [report async for report in campaign.reports()]


@pytest.fixture(scope="session")
def hasty() -> Catalogue:
    """Return the catalogue with oracles that withhold their answers for a shorter time."""
    withheld = unhurried(_WITHHELD)
    return catalogue_with(*(_hasty(scenario, withheld) for scenario in written().values()))


@pytest.fixture(scope="session")
def leftovers() -> list[str]:
    """Return what was still there when the lab over sockets had stopped: tasks and descriptors."""
    return []


@pytest.fixture(scope="session")
def over_sockets(
    tmp_path_factory: pytest.TempPathFactory,
    hasty: Catalogue,
    leftovers: list[str],
) -> Reports:
    """Return each client's report of each case, over real sockets; ``leftovers`` has what the lab did not clear up."""
    return loop.run(_all(hasty, tmp_path_factory.mktemp("lab"), leftovers))


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory, hasty: Catalogue) -> Reports:
    """Return each client's report of each case, without sockets."""
    services = [service for service in SERVICES.values() if service.default]
    reports: Reports = {}
    with without_sockets(hasty, tmp_path_factory.mktemp("lab")) as runners:
        for runner in runners:
            for service in services:
                reports |= asyncio.run(_run(runner, service))
    return reports


@pytest.fixture(scope="session")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forged]:
    """Return what tells each client's report of a certificate made from a recipe."""
    with without_sockets(CATALOGUE, tmp_path_factory.mktemp("lab")) as runners:
        yield Forged(runners={runner.traits.name: Remembering(runner=runner) for runner in runners})


@contextmanager
def without_sockets(catalogue: Catalogue, directory: Path) -> Iterator[list[InMemory]]:
    """Run a lab without sockets; yield both clients."""
    clock = MemoryClock()
    lab = Lab(Settings(ports={}, http_port=0, users=(_USER,)), catalogue, run_directory=directory, clock=clock)
    user = lab.directory.users[_USER.name]
    yield [InMemory(lab=lab, clock=clock, traits=traits, user=user, seconds=_DEADLINE) for traits in (STRICT, GULLIBLE)]
    asyncio.run(lab.stop())


@pytest.fixture(params=["over_sockets", "in_memory"])
def reports(request: pytest.FixtureRequest) -> Reports:
    """Return the reports, found out in each way."""
    found: Reports = request.getfixturevalue(request.param)
    return found


def _descriptors() -> set[str]:
    """Return the open descriptors that are sockets or pipes, where Linux shows them."""
    entries = Path("/proc/self/fd").iterdir() if Path("/proc/self/fd").exists() else ()
    links = {entry.name: str(entry.readlink()) for entry in entries if entry.is_symlink()}
    return {f"descriptor {name}: {link}" for name, link in links.items() if link.startswith(("socket:", "pipe:"))}


async def _all(catalogue: Catalogue, directory: Path, leftovers: list[str]) -> Reports:
    from twisted.internet import reactor  # noqa: PLC0415 -- exists only now

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(SERVICES)))
    services = [service for service in SERVICES.values() if service.default]
    pairs = [(traits, service) for traits in (STRICT, GULLIBLE) for service in services]
    users = [User(name=f"canary-{number:02}", password=f"Sing5reference{number:02}") for number in range(len(pairs))]
    before = _descriptors()
    lab = Lab(Settings(ports={}, users=tuple(users)), catalogue, run_directory=directory)
    lab.start(reactor)  # type: ignore[arg-type]  # Twisted's stub has the module's default reactor
    try:  # each with a user of its own: a maildrop can be open once only (RFC 1939 3)
        runners = [
            OverSockets(
                lab=lab, traits=_unhurried(traits), user=lab.directory.users[user.name], seconds=unhurried(_DEADLINE)
            )
            for (traits, _), user in zip(pairs, users, strict=True)
        ]
        campaigns = await asyncio.gather(
            *(_run(runner, service) for runner, (_, service) in zip(runners, pairs, strict=True))
        )
    finally:
        await lab.stop()
    await asyncio.get_running_loop().shutdown_default_executor()
    leftovers += _descriptors() - before
    leftovers += [str(task) for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    return {key: report for reports in campaigns for key, report in reports.items()}


async def _run(runner: OverSockets | InMemory, service: Service) -> Reports:
    campaign = Campaign(
        terms=STRICTEST,
        runner=runner,
        catalogue=runner.lab.catalogue,
        scenarios=list(runner.lab.catalogue.default.values()),
        services=[service],
    )
    return {(runner.traits.name, report.id): report async for report in campaign.reports()}


def _unhurried(traits: Traits) -> Traits:
    return traits if traits.patience is None else replace(traits, patience=unhurried(traits.patience))


def _hasty(scenario: Scenario, withheld: float) -> Scenario:
    links = [
        structs.replace(one, seconds=withheld) if isinstance(one, Withhold) else one for one in scenario.chain.links
    ]
    return replace(scenario, chain=Chain(links))
