"""One lab for each module that needs no options of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.labs import LabProcess, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabProcess]:
    """Run a lab with its defaults, and LMTP."""
    with running(tmp_path_factory.mktemp("lab"), "--lmtp-port", "0") as one:
        yield one
