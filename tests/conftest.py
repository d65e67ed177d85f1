"""What all tests share: they start listed programs only; strangers' files and a plain user's rights can be had."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.patience import PATIENCE
from tests.plain_user import PlainUser, plain_user_folder
from tests.programs import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_STRANGER = 4711

_LONGEST = 2.0 * PATIENCE + 300.0
"""Seconds after which a test counts as hanging: no test is ended by the clock for being slow.

It is set here, as pyproject.toml also holds for a user's own test in a clone, whose pytest need not know the option.
"""


@pytest.hookimpl(tryfirst=True)  # before pytest-timeout reads its option
def pytest_configure(config: pytest.Config) -> None:
    """Watch what tests start: an audit hook stays for the life of the process. End those that hang.

    Programs write as they do for users: output that is only written when Python ends is seen with all that goes wrong.
    """
    sys.addaudithook(watch)
    os.environ.pop("PYTHONUNBUFFERED", None)
    if config.option.timeout is None and "PYTEST_TIMEOUT" not in os.environ:
        config.option.timeout = _LONGEST


@pytest.fixture
def strangers(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Return a set of paths that belong to another user as long as they are in it, whoever runs the tests."""
    paths: set[Path] = set()

    def disowned(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def status(path: str | int | Path, **options: object) -> os.stat_result:
            found = real(path, **options)
            named = Path(f"/proc/self/fd/{path}").readlink() if isinstance(path, int) else Path(path).absolute()
            return os.stat_result((*found[:4], _STRANGER, *found[5:10])) if named in paths else found

        return status

    for name in ("stat", "lstat", "fstat"):
        monkeypatch.setattr(os, name, disowned(getattr(os, name)))
    return paths


@pytest.fixture
def plain_user() -> Iterator[PlainUser]:
    """Return a user without root's rights, with a folder: whoever runs the tests, or nobody where that is root."""
    with plain_user_folder() as user:
        yield user
