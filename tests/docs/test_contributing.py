"""What CONTRIBUTING.md shows as examples is the code as it is."""

from __future__ import annotations

from labserver.catalogue import starttls
from labserver.scenario import Expectation, Scenario, Severity
from tests.docs.documents import ROOT, blocks
from tests.ours import CATALOGUE

_TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
_ENTRY, _FACET = blocks(_TEXT, "python")
(_RECIPE,) = blocks(_TEXT, "toml")


def test_entry() -> None:
    """The scenario is the catalogue's."""
    names = vars(starttls) | {one.__name__: one for one in (Expectation, Scenario, Severity)}
    shown = eval(_ENTRY, names)  # noqa: S307 -- our own document
    assert shown == CATALOGUE["starttls-refused"]


def test_facet() -> None:
    """The misbehaviour is the package's, word for word."""
    assert _FACET.strip() in (ROOT / "labserver/misbehaviours/kinds/timing.py").read_text(encoding="utf-8")


def test_recipe() -> None:
    """The recipe is a file's, word for word."""
    assert _RECIPE.strip() in (ROOT / "certs" / "recipes" / "validity.toml").read_text(encoding="utf-8")
