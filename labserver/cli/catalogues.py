"""The catalogue that a command works with: the lab's own, and the files of scenarios that its user has written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.shipped import shipped_catalogue

if TYPE_CHECKING:
    import argparse

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["add_scenario_files", "catalogue_from", "own_scenarios"]


def add_scenario_files(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--scenario-file``."""
    parser.add_argument(
        "--scenario-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="also know the scenarios in this TOML file, more than once for several files (docs/MISBEHAVIOURS.md)",
    )


def catalogue_from(options: argparse.Namespace) -> Catalogue:
    """Return the catalogue with the user's files, which are read and checked whole; of the rest nothing is read.

    Raises ConfigurationError for a mistake in a file, and for an id that is taken.
    """
    catalogue = shipped_catalogue()
    for path in _files(options):
        from labserver.catalogue.loader import scenarios_of  # noqa: PLC0415 -- only when there is something to read
        from labserver.tables import read_document  # noqa: PLC0415 -- the same
        from labserver.verdicts.rules import RULES  # noqa: PLC0415 -- the same

        document = read_document(path, "--scenario-file")
        catalogue = catalogue.joined(document, scenarios_of(document, rules=RULES))
    return catalogue


def own_scenarios(options: argparse.Namespace, catalogue: Catalogue) -> list[str]:
    """Return the ids of the scenarios in the user's files."""
    return [identifier for identifier in catalogue if catalogue.file_of(identifier)] if _files(options) else []


def _files(options: argparse.Namespace) -> list[Path]:
    found: list[Path] = getattr(options, "scenario_file", [])
    return found
