"""Reads the recipes: TOML files, one for each topic, one table for each recipe, each only a difference from its base.

``[base.NAME]`` is a profile to build on. A mistake is reported with the file, the table and the key.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.errors import ConfigurationError
from labserver.pki.recipe_tables import merged, parse_chain, parse_other, parse_repaired

if TYPE_CHECKING:
    from labserver.pki.recipe_values import Table
    from labserver.pki.specification import ChainSpec

__all__ = ["FOLDER", "KEY_POOL", "all_recipes", "read_recipes"]

_PACKAGE = Path(__file__).parents[1]
_TABLES = ("repair", "other")
"""What a recipe says of its other forms; never inherited."""
FOLDER = next(path for path in (_PACKAGE / "recipes", _PACKAGE.parent / "certs/recipes") if path.is_dir())
"""In a wheel they are inside the package, in a checkout beside it."""


KEY_POOL = FOLDER / "keys"
"""RSA keys for testing, which are public knowledge."""


@cache
def all_recipes() -> dict[str, ChainSpec]:
    """Return every recipe by its id; read at the first call, since few runs of a lab need them."""
    return read_recipes(FOLDER)


def read_recipes(folder: Path) -> dict[str, ChainSpec]:
    """Return the recipes of a folder's files, in order; raises ConfigurationError for a mistake in one."""
    places: dict[str, Path] = {}
    tables: dict[str, Table] = {}
    bases: dict[str, Table] = {}
    for path in sorted(folder.glob("*.toml")):
        document = _document(path)
        for kind, found in ((bases, document.pop("base", {})), (tables, document)):
            for name, table in found.items():
                if name in places:
                    raise ConfigurationError(f"{path.name}: [{name}] is already in {places[name].name}")
                if not isinstance(table, dict):
                    raise ConfigurationError(f"{path.name}: {name} is outside every table")
                places[name], kind[name] = path, table
    recipes = {}
    for name, table in tables.items():
        try:
            recipes[name] = _recipe(name, places[name].stem, table, {**bases, **tables})
        except ValueError as error:
            raise ConfigurationError(f"{places[name].name}: [{name}]: {error}") from error
    return recipes


def _recipe(name: str, topic: str, table: Table, others: dict[str, Table]) -> ChainSpec:
    own = {key: value for key, value in table.items() if key not in _TABLES}
    base = _complete({"base": table["base"]} if "base" in table else {}, others, (name,))
    complete = _complete(own, others, (name,))
    spec = parse_chain(name, topic, complete)
    return replace(
        spec,
        repaired=parse_repaired(name, topic, base, complete, table.get("repair")),
        other=parse_other(name, topic, complete, table.get("other")),
    )


def _complete(table: Table, others: dict[str, Table], line: tuple[str, ...]) -> Table:
    """Return a table with what it inherits."""
    if "base" not in table:
        return table
    name = table["base"]
    if name not in others:
        raise ValueError(f"base {name!r} is not there")
    if name in line:
        raise ValueError(f"base {name!r} is built on this one")
    own = {key: value for key, value in table.items() if key not in {"base", *_TABLES}}
    return merged(_complete(others[name], others, (*line, name)), own)


def _document(path: Path) -> Table:
    import tomli  # noqa: PLC0415 -- only when recipes are read

    try:
        return tomli.loads(path.read_text(encoding="utf-8"))
    except (tomli.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path.name}: {error}") from error
