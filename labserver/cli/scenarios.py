"""``labserver scenarios``: the catalogue, as a table or as JSON."""

from __future__ import annotations

import fnmatch
import json
import textwrap
from itertools import groupby
from typing import TYPE_CHECKING

from labserver.catalogue.addresses import addresses, host_names
from labserver.catalogue.entries import CATALOGUE
from labserver.errors import ConfigurationError
from labserver.services import SERVICES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from labserver.scenario import Scenario

__all__ = ["add_options", "described", "run"]

_WIDTH = 110


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver scenarios``."""
    parser.add_argument("pattern", nargs="*", metavar="GLOB", help="only scenarios whose id matches (default: all)")
    parser.add_argument("--group", help="only this group")
    parser.add_argument("--service", choices=tuple(SERVICES), help="only those that make sense on this service")
    parser.add_argument("--json", action="store_true", help="print everything that is known of them, as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the scenarios."""
    chosen = [
        scenario
        for scenario in CATALOGUE.values()
        if (not options.pattern or any(fnmatch.fnmatchcase(scenario.id, glob) for glob in options.pattern))
        and options.group in {None, scenario.group}
        and (options.service is None or options.service in scenario.services)
    ]
    if not chosen:
        groups = ", ".join(dict.fromkeys(scenario.group for scenario in CATALOGUE.values()))
        raise ConfigurationError(f"no scenario is like that; the groups are {groups}")
    if options.json:
        places = addresses()
        print(json.dumps({"scenarios": [described(scenario, places[scenario.id]) for scenario in chosen]}, indent=2))
    else:
        for line in _table(chosen):
            print(line)
    return 0


def described(scenario: Scenario, address: str) -> dict[str, object]:
    """Return what there is to know of a scenario, for programs."""
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
        "available": True,
        "address": address,
        "host_names": list(host_names(scenario.id)),
        "by_name": scenario.by_name,
    }


def _table(scenarios: list[Scenario]) -> Iterator[str]:
    for group, members in groupby(scenarios, key=lambda scenario: scenario.group):
        yield f"{group}:"
        for scenario in members:
            yield f"  {scenario.id:<28}{scenario.title}  [{scenario.severity}]"
            yield from textwrap.wrap(scenario.does, _WIDTH, initial_indent=" " * 30, subsequent_indent=" " * 30)
            expects = f"A correct client: {scenario.expects[0].lower()}{scenario.expects[1:]}"
            yield from textwrap.wrap(expects, _WIDTH, initial_indent=" " * 30, subsequent_indent=" " * 30)
            yield f"{'':30}on {', '.join(scenario.services)}"
        yield ""
