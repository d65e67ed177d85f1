"""A quick value is the dataclass that it was, to everybody but the clock."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, asdict, dataclass, field, replace

import pytest

from labserver.values import quick


@dataclass(frozen=True, slots=True, kw_only=True)
class _Base:
    at: float


@dataclass(frozen=True, slots=True)
class _Mixed:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)
    fourth: bytes = field(default=b"4", kw_only=True)


@quick
@dataclass(frozen=True, slots=True)
class _Quick:
    first: int
    second: str = "two"
    third: list[int] = field(default_factory=list)
    fourth: bytes = field(default=b"4", kw_only=True)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Inherited(_Base):
    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("no name")


def _parameters(cls: type[object]) -> list[tuple[str, object, object]]:
    return [(one.name, one.kind, one.annotation) for one in inspect.signature(cls).parameters.values()]


def test_the_signature_is_the_same() -> None:
    """Names, kinds, defaults and annotations, before the first value is made and after it."""
    assert _parameters(_Quick) == _parameters(_Mixed)
    _Quick(1)
    assert _parameters(_Quick) == _parameters(_Mixed)


def test_values_are_the_same() -> None:
    """By place or by name, with defaults or without; a list is made anew each time."""
    assert asdict(_Quick(1)) == asdict(_Mixed(1)) == {"first": 1, "second": "two", "third": [], "fourth": b"4"}
    assert _Quick(1).third is not _Quick(1).third
    assert _Quick(1, "2", [3], fourth=b"5") == _Quick(second="2", third=[3], first=1, fourth=b"5")


def test_it_is_frozen() -> None:
    """Nobody changes it afterwards; what is like it in all but a field is made by ``replace``."""
    value = _Quick(1)
    with pytest.raises(FrozenInstanceError):
        value.first = 2  # type: ignore[misc]  # that it cannot be is what is shown
    with pytest.raises(AttributeError):
        del value.first
    assert replace(value, first=2) == _Quick(2)


@pytest.mark.parametrize("arguments", [{}, {"first": 1, "fifth": 5}])
def test_wrong_arguments(arguments: dict[str, int]) -> None:
    """One that is missing or unknown is refused, with the class's name."""
    with pytest.raises(TypeError, match="_Quick"):
        _Quick(**arguments)  # type: ignore[arg-type]  # the same


def test_inherited_fields_and_checks() -> None:
    """Fields of the class above come first, and what looks at a new value still does."""
    value = _Inherited(at=1.0, name="x")
    assert repr(value) == "_Inherited(at=1.0, name='x')"
    assert hash(value) == hash(_Inherited(at=1.0, name="x"))
    with pytest.raises(ValueError, match="no name"):
        _Inherited(at=1.0, name="")
