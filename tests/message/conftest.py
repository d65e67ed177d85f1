"""Sample messages, this project's and CPython's own, and a counter of work done."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.work import calls

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parents[1] / "samples"


def cpython_samples() -> list[Path]:
    """Return the sample messages of CPython's own email tests; none where the interpreter came without its tests."""
    try:
        found = importlib.util.find_spec("test.test_email")
    except ModuleNotFoundError:
        return []
    origin = found.origin if found else None
    return sorted((Path(origin).parent / "data").glob("*.txt")) if origin else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that takes a ``sample`` with every sample message."""
    if "sample" in metafunc.fixturenames:
        paths = sorted(SAMPLES.glob("*.eml")) + cpython_samples()
        metafunc.parametrize("sample", [pytest.param(path.read_bytes(), id=path.stem) for path in paths])


@pytest.fixture
def own_sample() -> Callable[[str], bytes]:
    """Return one of this project's samples by name."""
    return lambda name: (SAMPLES / f"{name}.eml").read_bytes()


@pytest.fixture(name="calls")
def _calls() -> Callable[[Callable[[], object]], int]:
    """Return what counts the functions that a call calls."""
    return calls
