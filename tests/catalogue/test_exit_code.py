"""A client that is right in every respect gets exit code 0 over the whole catalogue, on every service."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.check.campaign import Campaign
from labserver.report.standing import Bar, Expected, Standing, exit_code
from labserver.services import SERVICES
from labserver.verdicts.finding import Outcome
from tests.catalogue.conftest import Remembering, without_sockets
from tests.ours import CATALOGUE
from tests.reference.traits import DILIGENT

if TYPE_CHECKING:
    from pathlib import Path

    from labserver.report.case import CaseReport

_EXPECTED = (
    Expected(
        case="rsa-exponent-1@*",
        verdict=Outcome.FAIL,
        rules=("rejects-certificate",),
        reason="OpenSSL, which verifies for the reference clients, takes a key with the exponent 1",
    ),
    Expected(
        case="auth-wrong-password-accepted@*",
        verdict=Outcome.INCONCLUSIVE,
        reason="it is for a client that has the wrong password",
    ),
)


@pytest.mark.soak
@pytest.mark.parametrize("service", [service.name for service in SERVICES.values() if service.default])
def test_whole_catalogue(service: str, tmp_path: Path) -> None:
    """What is declared diverges on every service where it exists; nothing else fails or is undecided."""
    bar = Bar(expected=_EXPECTED)
    with without_sockets(CATALOGUE, tmp_path) as (strict, _):
        campaign = Campaign(
            runner=Remembering(runner=replace(strict, traits=DILIGENT)),
            catalogue=CATALOGUE,
            scenarios=list(CATALOGUE.values()),
            services=[SERVICES[service]],
        )
        reports = asyncio.run(_all(campaign))
    counting = (Standing.FAILED, Standing.UNDECIDED, Standing.UNEXPECTED)
    standings = [bar.standing(report) for report in reports]
    told = [report.id for report, standing in zip(reports, standings, strict=True) if standing in counting]
    assert (told, exit_code(standings)) == ([], 0)
    assert len(reports) == campaign.total
    assert standings.count(Standing.PASSED) > 0.9 * len(reports)


async def _all(campaign: Campaign) -> list[CaseReport]:
    return [report async for report in campaign.reports()]
