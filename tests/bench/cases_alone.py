"""What one case costs without a client: ``python -m tests.bench.cases_alone FOLDER`` prints milliseconds as JSON.

The lease is opened, a connection comes and goes (which is not counted), the lab waits for what may still come, the
trace is taken and judged, the lease closed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from labserver.check.case_run import settled
from labserver.check.witness import canary_of, trace_of
from labserver.lab import Lab
from labserver.servers import loop
from labserver.services import SERVICES
from labserver.settings import Settings
from labserver.verdicts.finding import Context
from labserver.verdicts.judge import judge
from labserver.verdicts.policy import default_policy
from labserver.verdicts.subject import subject_of
from tests.ours import CATALOGUE

if TYPE_CHECKING:
    from labserver.scenario import Scenario
    from labserver.services import Service

FIRST, FURTHER = "first case of a scenario", "further case"


async def _measure(folder: Path) -> dict[str, float]:
    from twisted.internet import reactor  # noqa: PLC0415 -- exists only now

    lab = Lab(Settings(ports={}), CATALOGUE, run_directory=folder)
    lab.start(reactor)  # type: ignore[arg-type]  # Twisted's stub has the module's default reactor
    found: dict[str, list[float]] = {FIRST: [], FURTHER: []}
    for scenario in CATALOGUE.default.values():
        for number, name in enumerate(scenario.services * 2):
            found[FURTHER if number else FIRST].append(await _case(lab, scenario, SERVICES[name]))
    await lab.stop()
    return {what: median(values) * 1000 for what, values in found.items()}


async def _case(lab: Lab, scenario: Scenario, service: Service) -> float:
    user = next(iter(lab.directory.users.values()))
    start = time.perf_counter()
    lease = lab.lease(scenario.id, [service.name])
    opened = time.perf_counter()
    _, writer = await asyncio.open_connection("127.0.0.1", lease.ports[service.name])
    writer.close()
    left = time.perf_counter()
    await settled(lease)
    context = Context(timed_out=False, seconds=1)
    judge(subject_of(scenario), service, default_policy(service), trace_of(lease.sessions, canary_of(user)), context)
    await lease.close()
    return time.perf_counter() - left + opened - start


if __name__ == "__main__":
    sys.stdout.write(json.dumps(loop.run(_measure(Path(sys.argv[1])))))
