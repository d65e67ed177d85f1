"""``labserver scenarios``: the catalogue, as a table, as JSON or as a document."""

from __future__ import annotations

import fnmatch
import json
import tempfile
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.catalogues import add_scenario_files, catalogue_from
from labserver.errors import ConfigurationError
from labserver.nearest import did_you_mean
from labserver.pki.material import IssuerName, Wanted
from labserver.scenario import USUAL_HOST
from labserver.services import SERVICES
from labserver.settings import TLS_ENGINES, Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from labserver.catalogue.catalogue import Catalogue
    from labserver.scenario import Scenario

__all__ = ["add_options", "described", "run"]

_LIKE_UP = "as for labserver up: it decides what is available (default: %(default)s)"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver scenarios``."""
    parser.add_argument("pattern", nargs="*", metavar="GLOB", help="only scenarios whose id matches (default: all)")
    parser.add_argument("--group", help="only this group")
    parser.add_argument("--service", choices=tuple(SERVICES), help="only those available on this service")
    parser.add_argument("--issuer", choices=tuple(map(str, IssuerName)), default=IssuerName.LAB, help=_LIKE_UP)
    parser.add_argument("--tls-engine", choices=TLS_ENGINES, default=TLS_ENGINES[0], help=_LIKE_UP)
    add_scenario_files(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print all details as JSON")
    form.add_argument(
        "--markdown", action="store_true", help="print them as Markdown; docs/SCENARIOS.md has all of them"
    )


def run(options: argparse.Namespace) -> int:
    """Print the scenarios."""
    catalogue = catalogue_from(options)
    chosen = [
        scenario
        for scenario in catalogue.values()
        if (not options.pattern or any(fnmatch.fnmatchcase(scenario.id, glob) for glob in options.pattern))
        and options.group in {None, scenario.group}
        and (options.service is None or options.service in scenario.services)
    ]
    if not chosen:
        groups = ", ".join(dict.fromkeys(scenario.group for scenario in catalogue.values()))
        near = did_you_mean(options.group, groups.split(", ")) if options.group else ""
        near = near or "".join(did_you_mean(glob, catalogue) for glob in options.pattern[:1])
        raise ConfigurationError(f"no scenario matches{near or ';'} the groups are {groups}")
    if options.markdown:
        from labserver.report.catalogue_markdown import catalogue_markdown  # noqa: PLC0415 -- only when it is asked for

        print(catalogue_markdown(chosen, catalogue.address), end="")
        return 0
    reasons = _reasons(options, catalogue, chosen)
    if options.json:
        entries = [described(one, address=catalogue.address(one.id), unavailable=reasons[one.id]) for one in chosen]
        print(json.dumps({"scenarios": entries}, indent=2))
    else:
        for line in _table(chosen, reasons):
            print(line)
    return 0


def _reasons(options: argparse.Namespace, catalogue: Catalogue, scenarios: list[Scenario]) -> dict[str, str | None]:
    """Return why a lab with these options cannot serve each of the scenarios, None where it can."""
    from labserver.lab import Lab  # noqa: PLC0415 -- everything a lab needs is loaded for this question only

    wanted = Wanted(issuer=IssuerName(options.issuer))
    settings = Settings(ports={}, http_port=0, certificates=wanted, tls_engine=options.tls_engine)
    with tempfile.TemporaryDirectory() as directory:
        lab = Lab(settings, catalogue, run_directory=Path(directory))
        try:
            return {scenario.id: lab.unavailable(scenario.id) for scenario in scenarios}
        finally:
            lab.release()


def described(scenario: Scenario, *, address: str, unavailable: str | None) -> dict[str, object]:
    """Return what there is to know of a scenario, for programs; ``unavailable`` is why it is, None if it is not."""
    return {
        "id": scenario.id,
        "title": scenario.title,
        "group": scenario.group,
        "services": list(scenario.services),
        "does": scenario.does,
        "expects": scenario.expects,
        "expectation": scenario.expectation.value,
        "severity": scenario.severity.value,
        "references": list(scenario.references),
        "available": unavailable is None,
        "unavailable": unavailable,
        "address": address or None,
        "host_names": list(scenario.host_names),
        "by_name": scenario.by_name,
        "anchor": "own" if scenario.own_anchor else "lab",
        "default": scenario.default,
    }


def _table(scenarios: list[Scenario], reasons: Mapping[str, str | None]) -> Iterator[str]:
    """Yield a line for each scenario, its group above it."""
    width = max(len(scenario.id) for scenario in scenarios)
    for group, members in groupby(scenarios, key=lambda scenario: scenario.group):
        yield f"{group}:"
        for scenario in members:
            known = "" if scenario.host == USUAL_HOST else f"  as {scenario.host_names[0]}"
            own = "  (own CA)" if scenario.own_anchor else ""
            lacking = f"  NOT AVAILABLE: {reason}" if (reason := reasons[scenario.id]) else ""
            yield f"  {scenario.id:<{width}}  {scenario.title}  [{scenario.severity}]{known}{own}{lacking}"
        yield ""
    yield "labserver explain ID tells more of one"
