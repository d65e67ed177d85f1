"""``labserver env``: the variables that make programs find and trust the running lab."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.cli.run_directory import find_ready
from labserver.pki.environment import Format, lab_variables, render, trust_variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

__all__ = ["add_options", "run", "variables"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``labserver env``."""
    parser.add_argument(
        "--format", choices=tuple(map(str, Format)), default=Format.SH, help="for whom (default: %(default)s)"
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="the lab's ready file (default: the newest lab)"
    )
    parser.add_argument("--only-lab", action="store_true", help="leave out what makes programs trust the lab's CA")


def run(options: argparse.Namespace) -> int:
    """Print the variables."""
    record = find_ready(options.ready_file)
    chosen = lab_variables(record) if options.only_lab else variables(record)
    sys.stdout.write(render(chosen, Format(options.format)))
    return 0


def variables(record: Mapping[str, object]) -> dict[str, str]:
    """Return every variable for a lab: where it is, and what makes clients trust it."""
    ca = record.get("ca")
    if not isinstance(ca, dict) or "pem" not in ca:
        return lab_variables(record)  # the operator's own certificate: who trusts it is theirs to say
    store = Path(str(ca["p12"])) if ca.get("p12") else None
    trust = trust_variables(Path(ca["pem"]), store, java_options=os.environ.get("JAVA_TOOL_OPTIONS", ""))
    return lab_variables(record) | trust
