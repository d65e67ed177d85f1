"""The lab that verifiers meet: in this process, each scenario at an address of its own, as it is or repaired.

A scenario whose name is an address is met on ports of its own: some programs connect to the address that they are told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from labserver.lab import Lab
from labserver.pki.chain import certificates_pem
from labserver.pki.profile import is_address
from labserver.pki.recipe_files import all_recipes
from labserver.servers import loop
from labserver.settings import Settings
from tests.ours import CATALOGUE
from tests.verifiers.case import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from labserver.scenario import Scenario

__all__ = ["judged_scenarios", "meet", "repair_everything"]

_SERVICES = ("imaps", "submissions")


def judged_scenarios() -> dict[str, Scenario]:
    """Return the scenarios that are only about a certificate, and the good one, in the catalogue's order."""
    return {
        identifier: scenario
        for identifier, scenario in CATALOGUE.items()
        if (not scenario.usual_certificate and not scenario.chain) or identifier == "good"
    }


def repair_everything() -> None:
    """From now on, in this process, serve every recipe's chain without its fault."""
    book = all_recipes()
    book.update({identifier: spec.repaired for identifier, spec in book.items() if spec.repaired is not None})


def meet(identifiers: Iterable[str], folder: Path, judge: Callable[[list[Case]], None]) -> dict[str, str]:
    """Run a lab for as long as ``judge`` takes with its cases; return those that it cannot serve, each with the reason.

    Can be done once per process.
    """
    absent: dict[str, str] = {}

    async def run() -> None:
        from twisted.internet import reactor  # noqa: PLC0415 -- exists only now

        run_directory = folder / "lab"
        run_directory.mkdir()
        lab = Lab(Settings(ports=dict.fromkeys(_SERVICES, 0), http_port=0), CATALOGUE, run_directory=run_directory)
        lab.start(reactor)  # type: ignore[arg-type]  # Twisted's stub has the module's default reactor
        ports: dict[str, int] = lab.record()["ports"]  # type: ignore[assignment]  # a record for JSON
        try:
            cases = []
            for identifier in identifiers:
                reason = lab.unavailable(identifier)
                if reason is None:
                    cases.append(_case(lab, identifier, ports, folder))
                else:
                    absent[identifier] = reason
            await asyncio.to_thread(judge, cases)
        finally:
            await lab.stop()

    loop.run(run())
    return absent


def _case(lab: Lab, identifier: str, ports: dict[str, int], folder: Path) -> Case:
    chain = lab.chains.chain(identifier)
    anchors = folder / f"{identifier}.pem"
    anchors.write_bytes(certificates_pem(chain.anchors))
    crls = folder / f"{identifier}.crl.pem"
    crls.write_bytes(chain.crls_pem)
    name = CATALOGUE[identifier].host_names[0]
    own = is_address(name)  # its ports are the same on 127.0.0.1 and ::1
    return Case(
        id=identifier,
        name=name,
        address="127.0.0.1" if own else CATALOGUE.address(identifier),
        ports=lab.lease(identifier, _SERVICES).ports if own else ports,
        anchors=anchors,
        chain=chain,
        crls=crls if chain.crls else None,
        asked=CATALOGUE[identifier].asked,
        in_message=identifier in all_recipes() and all_recipes()[identifier].in_message,
    )
