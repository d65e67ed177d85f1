"""Reads the recipes: TOML files, one for each topic, one table for each recipe, each only a difference from its base.

``[base.NAME]`` is a profile to build on. A mistake is told with the file, the line, the table and the key. A scenario's
own file may write a certificate in the same form, in the scenario's table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.pki.recipe_tables import PROFILE, WORDS, merged, parse_chain, parse_other, parse_repaired
from labserver.tables import TableError, read_document, unknown

if TYPE_CHECKING:
    from labserver.pki.recipe_values import Table
    from labserver.pki.specification import ChainSpec
    from labserver.tables import Document

__all__ = ["FOLDER", "KEY_POOL", "all_recipes", "read_recipes", "written_recipe"]

_PACKAGE = Path(__file__).parents[1]
_TABLES = ("repair", "other")
"""What a recipe says of its other forms; never inherited."""
_OWN_KEYS = ("base", "verdict", "other", *PROFILE)
"""What a scenario says of its own certificate; all else a scenario says in its own table."""
FOLDER = next(path for path in (_PACKAGE / "recipes", _PACKAGE.parent / "certs/recipes") if path.is_dir())
"""In a wheel they are inside the package, in a checkout beside it."""


KEY_POOL = FOLDER / "keys"
"""RSA keys for testing, which are public knowledge."""


@dataclass(slots=True)
class _Files:
    """The tables of a folder's files by their names, and where each stands."""

    places: dict[str, Document] = field(default_factory=dict)
    recipes: dict[str, Table] = field(default_factory=dict)
    bases: dict[str, Table] = field(default_factory=dict)


@cache
def all_recipes() -> dict[str, ChainSpec]:
    """Return every recipe by its id; read at the first call, since few runs of a lab need them."""
    return _recipes(_shipped())


def read_recipes(folder: Path) -> dict[str, ChainSpec]:
    """Return the recipes of a folder's files, in order; raises ConfigurationError for a mistake in one."""
    return _recipes(_read(folder))


def written_recipe(identifier: str, topic: str, words: Table, table: Table) -> ChainSpec:
    """Return the recipe in a scenario's own table; ``words`` are the title and the like, which the scenario has.

    It may build on every recipe and base that there is. Raises TableError, its path beginning in ``table``.
    """
    for key in table:
        if key not in _OWN_KEYS:
            known = key in WORDS or key in _TABLES
            said = "the scenario says it in its own table, or a test of our recipes needs it; leave it out"
            raise TableError((key,), said if known else unknown(key, _OWN_KEYS, what="key"))
    files = _shipped() if "base" in table else _Files()
    return _recipe(identifier, topic, words | table, {**files.bases, **files.recipes}, repaired=False)


@cache
def _shipped() -> _Files:
    return _read(FOLDER)


def _read(folder: Path) -> _Files:
    files = _Files()
    for path in sorted(folder.glob("*.toml")):
        document = read_document(path)
        tables = dict(document.tables)
        for kind, found in ((files.bases, tables.pop("base", {})), (files.recipes, tables)):
            for name, table in found.items():
                where = (name,) if kind is files.recipes else ("base", name)
                if name in files.places:
                    taken = Path(files.places[name].name).name
                    raise document.mistake(TableError(where, f"this id is taken by {taken}; choose another"))
                if not isinstance(table, dict):
                    raise document.mistake(TableError(where, f"a recipe is a table: [{name}]"))
                files.places[name], kind[name] = document, table
    return files


def _recipes(files: _Files) -> dict[str, ChainSpec]:
    recipes = {}
    for name, table in files.recipes.items():
        document = files.places[name]
        try:
            recipes[name] = _recipe(name, Path(document.name).stem, table, {**files.bases, **files.recipes})
        except TableError as error:
            raise document.mistake(error.below(name)) from error
    return recipes


def _recipe(name: str, topic: str, table: Table, others: dict[str, Table], *, repaired: bool = True) -> ChainSpec:
    """Return a recipe; the form without its fault goes with it if it is to be ``repaired``."""
    own = {key: value for key, value in table.items() if key not in _TABLES}
    complete = _complete(own, others, (name,))
    spec = replace(
        parse_chain(name, topic, complete),
        other=parse_other(name, topic, complete, table.get("other")),
    )
    if not repaired:
        return spec
    base = _complete({"base": table["base"]} if "base" in table else {}, others, (name,))
    return replace(spec, repaired=parse_repaired(name, topic, base, complete, table.get("repair")))


def _complete(table: Table, others: dict[str, Table], line: tuple[str, ...]) -> Table:
    """Return a table with what it inherits."""
    if "base" not in table:
        return table
    name = table["base"]
    if not isinstance(name, str) or name not in others:
        raise TableError(("base",), unknown(name, others, what="base"))
    if name in line:
        raise TableError(("base",), f"{name} is built on this one")
    own = {key: value for key, value in table.items() if key not in {"base", *_TABLES}}
    return merged(_complete(others[name], others, (*line, name)), own)
