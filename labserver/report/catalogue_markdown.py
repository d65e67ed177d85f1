"""The catalogue as a document: docs/SCENARIOS.md is what this makes, and a test keeps it so."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from labserver.scenario import ALL, USUAL_HOST, Expectation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from labserver.scenario import Scenario

__all__ = ["catalogue_markdown"]

_HEAD = """\
# Scenarios

Made by `labserver scenarios --markdown` from `labserver/catalogue/` and `certs/recipes/`; do not edit it here.

Every scenario is one server with one fault, or a control without any; whatever else it does is as good as the
known-good lab. `labserver explain ID@SERVICE` shows its exact bytes, with commands to reproduce them.
`labserver check -- CMD …` runs a client against those marked *default* and judges it; `--scenario` has others. To
accept one marked *own CA*, a client has to trust that scenario's CA in place of the lab's:
`eval "$(labserver env --scenario ID)"` sets the variables for it in a shell.

## How to reach one

With one `labserver up`, all of them are there at once:

* **By name**, on every system: `ID.lab.test` or `ID.lab.localhost` in TLS (SNI), on the usual ports of 127.0.0.1 and
  ::1, for scenarios whose fault comes after the ClientHello. Any other name, or none, meets the known-good server.
  Some are about the name itself and have another, `a.ID.lab.test`, or one elsewhere, which SNI cannot choose.
* **By address**, on Linux: each has its own in 127.66.0.0/16, the same in every run, on the usual ports.
  `labserver hosts` prints lines for /etc/hosts that give each address its names.
* **On leased ports**, on every system: `labserver up --scenario ID` tells free ports that are this scenario's alone.

A certificate is for the names and the address by which its scenario is reached, unless that is its fault. What a host
cannot serve is listed as not available, with the reason, by `labserver scenarios`.
"""


_VERBS = {Expectation.ACCEPT: "connects", Expectation.REJECT: "refuses", Expectation.EITHER: "either"}
_MARKS: dict[str, Callable[[Scenario], bool]] = {
    "default": lambda scenario: scenario.default,
    "own CA": lambda scenario: scenario.own_anchor,
}


def catalogue_markdown(scenarios: Sequence[Scenario], address: Callable[[str], str]) -> str:
    """Return the document; ``address`` returns a scenario's by its id, nothing if it has none."""
    return "\n".join((_HEAD, *_table(scenarios), *_groups(scenarios, address)))


def _table(scenarios: Sequence[Scenario]) -> Iterator[str]:
    usual = sum(scenario.default for scenario in scenarios)
    forged = sum(not scenario.usual_certificate for scenario in scenarios)
    yield "## All of them"
    yield ""
    yield f"There are {len(scenarios)} scenarios: {forged} present a certificate of their own, {usual} are *default*."
    yield f"*All* services are {', '.join(ALL)}."
    yield ""
    yield "| scenario | severity | a correct client | services | besides |"
    yield "|---|---|---|---|---|"
    for scenario in scenarios:
        marks = ", ".join(mark for mark, marked in _MARKS.items() if marked(scenario))
        cells = (scenario.severity, _VERBS[scenario.expectation], _services(scenario), marks)
        yield f"| [`{scenario.id}`](#{scenario.id}) | {' | '.join(cells)} |"
    yield ""


def _groups(scenarios: Sequence[Scenario], address: Callable[[str], str]) -> Iterator[str]:
    for group, members in groupby(scenarios, key=lambda scenario: scenario.group):
        yield f"## Group {group}"
        yield ""
        for scenario in members:
            yield f"### {scenario.id}"
            yield ""
            yield f"{scenario.title}. {scenario.does}"
            yield ""
            yield f"* A correct client: {scenario.expects[0].lower()}{scenario.expects[1:]}"
            yield f"* Severity: {scenario.severity}"
            yield f"* On: {_services(scenario)}"
            name = scenario.host_names[0]
            called = f", as `{name}`" if scenario.host != USUAL_HOST else ""
            named = f" or by name, `{name}`" if scenario.by_name else called
            yield f"* At: {address(scenario.id) or 'a port of its own'}{named}"
            if scenario.own_anchor:
                yield f"* Trust: its own CA (`labserver env --scenario {scenario.id}`)"
            if scenario.references:
                yield f"* See: {'; '.join(scenario.references)}"
            yield ""


def _services(scenario: Scenario) -> str:
    return "all" if scenario.services == ALL else ", ".join(scenario.services)
