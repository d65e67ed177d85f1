"""All tests start programs that are listed in ``tests/programs.py`` only."""

from __future__ import annotations

import sys

from tests.programs import watch


def pytest_configure() -> None:
    """Watch what tests start: an audit hook stays for the life of the process."""
    sys.addaudithook(watch)
