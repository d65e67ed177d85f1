"""Lines of ``labserver/catalogue/places`` for new entries: ``python -m tests.catalogue.appended`` appends them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.catalogue.places import free_address, places
from labserver.catalogue.shipped import PLACES, RECIPES
from labserver.pki.recipe_files import all_recipes
from labserver.tables import read_document

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["missing_lines"]


def missing_lines(path: Path = PLACES) -> list[str]:
    """Return the lines that ``path`` lacks, in the order of files and entries."""
    known = places(path.read_text(encoding="ascii").splitlines())
    taken = {place.address for place in known.values()}
    lines = []
    for identifier, file in _entries():
        if identifier not in known:
            address = free_address(identifier, taken)
            taken.add(address)
            lines.append(f"{identifier} {address} {file}")
    return lines


def _entries() -> Iterator[tuple[str, str]]:
    """Yield the id and the file of every entry that there is."""
    for file in sorted(PLACES.parent.glob("*.toml")):
        for identifier in read_document(file).tables:
            yield identifier, file.name
    for identifier, spec in all_recipes().items():
        yield identifier, f"{RECIPES}{spec.topic}.toml"


if __name__ == "__main__":
    file = Path(sys.argv[1]) if sys.argv[1:] else PLACES
    with file.open("a", encoding="ascii") as stream:
        for line in missing_lines(file):
            stream.write(f"{line}\n")
