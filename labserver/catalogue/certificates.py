"""``[ID.certificate]`` of a scenario's table: a recipe by its name, or one of its own, checked by making its chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.nearest import did_you_mean
from labserver.pki.specification import ENGINES, Severity, Verdict
from labserver.scenario import USUAL_CERTIFICATE, Expectation
from labserver.tables import TableError

if TYPE_CHECKING:
    from labserver.catalogue.loader import Entry
    from labserver.pki.recipe_values import Table
    from labserver.pki.specification import ChainSpec

__all__ = ["REJECTS", "certificate_of"]

REJECTS = "rejects-certificate"
"""The rule that decides, too, where a correct client rejects the certificate."""


def certificate_of(identifier: str, group: str, entry: Entry) -> tuple[str, ChainSpec | None]:
    """Return the name of a scenario's certificate, and its recipe; None for one that is issued.

    Raises TableError.
    """
    if entry.certificate is None:
        return USUAL_CERTIFICATE, None
    try:
        return _named(entry.certificate) or (identifier, _written(identifier, group, entry, entry.certificate))
    except TableError as error:
        raise error.below("certificate") from error


def _named(table: Table) -> tuple[str, ChainSpec | None] | None:
    """Return the name of a recipe and the recipe; None if the table names none."""
    if "recipe" not in table:
        return None
    if others := table.keys() - {"recipe"}:
        raise TableError((min(others),), "recipe stands alone; write base = … for a recipe with differences")
    from labserver.pki.recipe_files import all_recipes  # noqa: PLC0415 -- recipes are read only where one is named
    from labserver.pki.recipes import ISSUED  # noqa: PLC0415 -- the same

    name = table["recipe"]
    if not isinstance(name, str):
        raise TableError(("recipe",), "must be a text")
    known = all_recipes()
    if name not in known and name not in ISSUED:
        near = did_you_mean(name, (*ISSUED, *known)) or ";"
        raise TableError(("recipe",), f"unknown {name}{near} certs/README.md tells where recipes are")
    return name, known.get(name)


def _written(identifier: str, group: str, entry: Entry, table: Table) -> ChainSpec:
    """Return the recipe that the table is, of which a chain has been made."""
    if not table:
        raise TableError((), 'it is empty; name a recipe = "…", or say what differs, such as leaf.not_after = "-1d"')
    from labserver.catalogue.trial import tried  # noqa: PLC0415 -- only where a certificate is written
    from labserver.pki.recipe_files import written_recipe  # noqa: PLC0415 -- the same

    verdict = _verdict(entry, table)
    rejected = verdict == Verdict.REJECT.value
    words = {
        "title": entry.title,
        "does": entry.does,
        "verdict": verdict,
        "severity": (Severity.SECURITY if rejected else Severity.NONE).value,
        "references": list(entry.references),
    }
    recipe = written_recipe(identifier, group, words, table)
    return tried(recipe, any_engine="engine" not in table and recipe.engine == ENGINES[0])


def _verdict(entry: Entry, table: Table) -> object:
    """Return what a correct client does with the chain: as it says, else what the client does with the scenario."""
    if "verdict" in table:
        return table["verdict"]
    if entry.misbehaviours and entry.expectation is Expectation.REJECT:
        raise TableError(
            (), "verdict is missing: other things are wrong, too; choose from accept, reject, either for the chain"
        )
    return (entry.expectation or Expectation.EITHER).value
