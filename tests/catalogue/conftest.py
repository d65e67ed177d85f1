"""What the two reference clients do in every case, found out once for all tests of the catalogue."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from labserver.catalogue.entries import CATALOGUE
from labserver.check.campaign import Campaign
from labserver.facets.oracle import RepliesWithheld
from labserver.lab import Lab
from labserver.mailstore.directory import User
from labserver.servers import loop
from labserver.services import SERVICES
from labserver.settings import Settings
from tests.reference.client import GULLIBLE, STRICT
from tests.reference.in_memory import InMemory, MemoryClock
from tests.reference.over_sockets import OverSockets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from labserver.facets.bundle import Facets
    from labserver.report.case import CaseReport
    from labserver.scenario import Scenario
    from labserver.services import Service

FORGED_ON = ("imaps", "submission")
"""One that begins in TLS and one that begins in clear: what comes before TLS has nothing to do with certificates."""
_DEADLINE = 5.0
"""Longer than the strict client's patience, so that it ends and the gullible one does not."""
_WITHHELD = 0.4
"""Seconds that an oracle withholds its answers in these tests."""
_USER = User(name="canary-memory", password="Sing5memory")

Reports = dict[tuple[str, str], "CaseReport"]


@pytest.fixture(scope="session")
def hasty_oracles() -> Iterator[None]:
    """Have oracles withhold their answers for a shorter time."""
    usual = dict(CATALOGUE.written)
    CATALOGUE.written.update({name: _hasty(scenario) for name, scenario in usual.items()})
    yield
    CATALOGUE.written.update(usual)


@pytest.fixture(scope="session")
def leftovers() -> list[str]:
    """Return what was still there when the lab over sockets had stopped: tasks and descriptors."""
    return []


@pytest.fixture(scope="session")
def over_sockets(
    tmp_path_factory: pytest.TempPathFactory,
    hasty_oracles: None,  # noqa: ARG001 -- in force
    leftovers: list[str],
) -> Reports:
    """Return each client's report of each case, over real sockets; ``leftovers`` has what the lab did not clear up."""
    return loop.run(_all(tmp_path_factory.mktemp("lab"), leftovers))


@pytest.fixture(scope="session")
def in_memory(tmp_path_factory: pytest.TempPathFactory, hasty_oracles: None) -> Reports:  # noqa: ARG001 -- in force
    """Return each client's report of each case, without sockets."""
    services = [service for service in SERVICES.values() if service.default]
    return _without_sockets(tmp_path_factory.mktemp("lab"), services)


def _without_sockets(directory: Path, services: Sequence[Service], scenarios: Sequence[Scenario] = ()) -> Reports:
    clock = MemoryClock()
    lab = Lab(Settings(ports={}, http_port=0, users=(_USER,)), run_directory=directory, clock=clock)
    reports: Reports = {}
    for traits in (STRICT, GULLIBLE):
        runner = InMemory(lab=lab, clock=clock, traits=traits, user=lab.directory.users[_USER.name], seconds=_DEADLINE)
        for service in services:
            reports |= asyncio.run(_run(runner, service, scenarios))
    asyncio.run(lab.stop())
    return reports


@pytest.fixture(scope="session")
def forged(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """Return each client's report of each certificate made from a recipe, on a service of each kind."""
    scenarios = tuple(CATALOGUE.forged.values())
    return _without_sockets(tmp_path_factory.mktemp("lab"), [SERVICES[name] for name in FORGED_ON], scenarios)


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


async def _all(directory: Path, leftovers: list[str]) -> Reports:
    from twisted.internet import reactor  # noqa: PLC0415 -- exists only now

    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2 * len(SERVICES)))
    services = [service for service in SERVICES.values() if service.default]
    pairs = [(traits, service) for traits in (STRICT, GULLIBLE) for service in services]
    users = [User(name=f"canary-{number:02}", password=f"Sing5reference{number:02}") for number in range(len(pairs))]
    before = _descriptors()
    lab = Lab(Settings(ports={}, users=tuple(users)), run_directory=directory)
    lab.start(reactor)  # type: ignore[arg-type]  # Twisted's stub has the module's default reactor
    try:  # each with a user of its own: a maildrop can be open once only (RFC 1939 3)
        runners = [
            OverSockets(lab=lab, traits=traits, user=lab.directory.users[user.name], seconds=_DEADLINE)
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


async def _run(runner: OverSockets | InMemory, service: Service, scenarios: Sequence[Scenario] = ()) -> Reports:
    chosen = list(scenarios) or list(CATALOGUE.default.values())
    campaign = Campaign(runner=runner, scenarios=chosen, services=[service])
    return {(runner.traits.name, report.id): report async for report in campaign.reports()}


def _hasty(scenario: Scenario) -> Scenario:
    def hasty(facets: Facets) -> Facets:
        withholds = isinstance(facets.oracle, RepliesWithheld)
        return replace(facets, oracle=RepliesWithheld(seconds=_WITHHELD)) if withholds else facets

    control = hasty(scenario.control) if scenario.control is not None else None
    return replace(scenario, facets=hasty(scenario.facets), control=control)
