"""The catalogue that a command works with: the lab's own, and the files of scenarios that its user has written."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.shipped import shipped_catalogue
from labserver.errors import ConfigurationError
from labserver.scenario import ALL, NOT_STATED, Expectation, Scenario, Severity
from labserver.services import SERVICES

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence

    from labserver.catalogue.catalogue import Catalogue

__all__ = ["MISBEHAVE", "add_misbehave", "add_scenario_files", "catalogue_from", "own_scenarios"]


MISBEHAVE = "misbehave"
"""The id of the scenario that the option ``--misbehave`` describes."""


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


def add_misbehave(parser: argparse._ActionsContainer) -> None:
    """Add the option ``--misbehave``."""
    parser.add_argument(
        "--misbehave",
        action="append",
        default=[],
        metavar="'KIND FIELD=VALUE …'",
        help="misbehave so on every service, as labserver misbehaviours describes it; may be repeated: "
        "'answer command=RCPT nth=1-2 send=\"450 4.2.0 busy\"'",
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

        with _uncollected():
            document = read_document(path, "--scenario-file")
            catalogue = catalogue.joined(document, scenarios_of(document, rules=RULES))
    if given := getattr(options, "misbehave", None):
        told = _told(given, getattr(options, "services", None) or getattr(options, "service", None) or ALL)
        if told.id in catalogue:
            raise ConfigurationError(f"--misbehave: the id {told.id} is its own; choose another in --scenario-file")
        catalogue = catalogue.with_others("--misbehave", {told.id: told})
    return catalogue


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage meanwhile: a file becomes many objects that stay, and each look at them would be in vain."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _told(texts: Sequence[str], services: Iterable[str]) -> Scenario:
    """Return the scenario that the options describe."""
    from labserver.misbehaviours.chain import Chain  # noqa: PLC0415 -- only when there is something to read
    from labserver.misbehaviours.notation import read_options  # noqa: PLC0415 -- the same

    names = tuple(service for service in SERVICES if service in set(services))
    return Scenario(
        id=MISBEHAVE,
        title="As --misbehave says",
        group=MISBEHAVE,
        does=f"{'; '.join(texts)}.",
        expects=NOT_STATED,
        expectation=Expectation.EITHER,
        severity=Severity.NONE,
        references=(),
        services=names,
        chain=Chain(read_options(texts, names)),
        stated=False,
    )


def own_scenarios(options: argparse.Namespace, catalogue: Catalogue) -> list[str]:
    """Return the ids of the scenarios in the user's files, and of the one that ``--misbehave`` describes."""
    files = [identifier for identifier in catalogue if catalogue.file_of(identifier)] if _files(options) else []
    return [*files, *([MISBEHAVE] if options.misbehave else [])]


def _files(options: argparse.Namespace) -> list[Path]:
    found: list[Path] = getattr(options, "scenario_file", [])
    return found
