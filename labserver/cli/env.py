"""``labserver env``: the variables that make programs find and trust the running lab."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.catalogues import add_scenario_files, catalogue_from
from labserver.cli.control import require_running
from labserver.cli.run_directory import find_ready
from labserver.errors import ConfigurationError
from labserver.pki.environment import Format, lab_variables, render, trust_variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["add_options", "run", "variables"]


_SHELLS = {
    "bash": Format.SH,
    "dash": Format.SH,
    "ksh": Format.SH,
    "zsh": Format.SH,
    "powershell": Format.PWSH,
    "env": Format.DOTENV,
}
"""Other names of formats."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver env``."""
    parser.add_argument(
        "--format",
        type=lambda text: _SHELLS.get(text, text),
        choices=tuple(map(str, Format)),
        default=Format.SH,
        help=f"output format; {', '.join(_SHELLS)} are known, too (default: %(default)s)",
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="the lab's ready file (default: the newest lab)"
    )
    parser.add_argument(
        "--scenario", metavar="ID", help="for this scenario: its server name, and its own CA if it has one"
    )
    parser.add_argument("--only-lab", action="store_true", help="leave out what makes programs trust the lab's CA")
    add_scenario_files(parser)


def run(options: argparse.Namespace) -> int:
    """Print the variables."""
    catalogue = catalogue_from(options)
    record: Mapping[str, object] = find_ready(options.ready_file)
    require_running(record)
    if options.scenario is not None:
        record = _for_scenario(record, options.scenario, catalogue)
    chosen = lab_variables(record) if options.only_lab else variables(record)
    sys.stdout.write(render(chosen, Format(options.format)))
    return 0


def _for_scenario(record: Mapping[str, object], identifier: str, catalogue: Catalogue) -> Mapping[str, object]:
    """Return the record as it is for who wants to meet one scenario; raises ConfigurationError if it is not there."""
    from labserver.cli.chain_sources import RunningLab  # noqa: PLC0415 -- the catalogue, only when needed
    from labserver.cli.meeting import meeting  # noqa: PLC0415 -- the same

    anchors = RunningLab(record).anchors(identifier)
    if identifier not in catalogue:
        raise ConfigurationError(f"{catalogue.unknown(identifier)}; give env the --scenario-file of the lab, too")
    place = meeting(record, catalogue[identifier], catalogue.address(identifier))
    if place.note:
        print(f"labserver: {place.note}", file=sys.stderr)
    told = {"host": place.host, "server_name": place.server_name, "ports": place.ports}
    return {**record, **told, "ca": anchors, "scenario": identifier}


def variables(record: Mapping[str, object]) -> dict[str, str]:
    """Return every variable for a lab: where it is, and what makes clients trust it."""
    ca = record.get("ca")
    if not isinstance(ca, dict) or "pem" not in ca:
        return lab_variables(record)  # the operator's own certificate: who trusts it is theirs to say
    store = Path(str(ca["p12"])) if ca.get("p12") else None
    trust = trust_variables(Path(ca["pem"]), store, java_options=os.environ.get("JAVA_TOOL_OPTIONS", ""))
    return lab_variables(record) | trust
