"""What every kind has: an example that works, a place in the module of its axis, and rows in that one's tests."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from labserver.dialogues.exchange import Command
from labserver.misbehaviours.table import AXES, KINDS
from labserver.misbehaviours.words import Lines, Octets, Words
from tests.misbehaviours.kinds.rows import made

if TYPE_CHECKING:
    from labserver.misbehaviours.base import Misbehaviour

_FOLDER = Path(__file__).parent


@pytest.mark.parametrize("kind", KINDS)
def test_its_example_is_read(kind: str) -> None:
    """An example is a table that works; it names all of the class's conditions and fields that it needs."""
    link = made(kind, **KINDS[kind].example)
    assert link.kind == kind
    assert link.occasions <= link.possible or not link.possible


def test_each_is_in_its_module() -> None:
    """The kinds of an axis are in its module, and the module has no others."""
    for module, kinds in AXES.items():
        assert {kind.__name__ for kind in kinds} == set(module.__all__)
        assert all(kind.__module__ == module.__name__ for kind in kinds)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_no_field_is_called_like_a_condition(kind: type[Misbehaviour]) -> None:
    """Conditions and fields share one namespace on the command line."""
    conditions = {field.encode_name for field in msgspec.structs.fields(made("silence").when)}
    assert conditions.isdisjoint(field.encode_name for field in msgspec.structs.fields(kind) if field.name != "when")


def test_values() -> None:
    """Texts are values of their own."""
    assert isinstance(Lines.read("a"), Words)
    assert isinstance(Octets.read("a"), Words)
    assert Command(verb="NOOP").verb


def test_each_has_rows() -> None:
    """The tests of an axis say of each of its kinds what a client gets."""
    for module, kinds in AXES.items():
        text = (_FOLDER / f"test_{module.__name__.rpartition('.')[2]}.py").read_text(encoding="utf-8")
        assert [kind.__struct_config__.tag for kind in kinds if f'"{kind.__struct_config__.tag}"' not in text] == []
