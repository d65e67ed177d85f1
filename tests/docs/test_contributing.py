"""What CONTRIBUTING.md shows as examples is the code as it is."""

from __future__ import annotations

import tomllib

import pytest

from labserver.catalogue.shipped import PLACES
from labserver.tables import read_document
from tests.docs.documents import ROOT, blocks, section

_TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
(_FACET,) = blocks(_TEXT, "python")
_ENTRY, _RECIPE = blocks(_TEXT, "toml")


def test_entry() -> None:
    """The scenario is the catalogue's, and its comments name what is there."""
    (identifier, shown), *others = tomllib.loads(_ENTRY).items()
    assert others == []
    assert shown == read_document(PLACES.with_name("starttls.toml")).tables[identifier]


def test_facet() -> None:
    """The misbehaviour is the package's, word for word."""
    assert _FACET.strip() in (ROOT / "labserver/misbehaviours/kinds/timing.py").read_text(encoding="utf-8")


def test_recipe() -> None:
    """The recipe is a file's, word for word."""
    assert _RECIPE.strip() in (ROOT / "certs" / "recipes" / "validity.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "file"),
    [
        (" service", "services.py"),
        (" limit", "limits.py"),
        (" rule", "verdicts/rules.py"),
        ("n IMAP extension", "imap/extensions/savedate.py"),
    ],
)
def test_rows(heading: str, file: str) -> None:
    """The rows of tables are the package's, word for word but for their indentation."""
    (shown,) = blocks(section(_TEXT, f"## Add a{heading}"), "py")
    code = (ROOT / "labserver" / file).read_text(encoding="utf-8")
    assert _flush(shown) in _flush(code)


def _flush(code: str) -> str:
    return "\n".join(line.strip() for line in code.splitlines())
