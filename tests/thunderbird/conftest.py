"""Fixtures of the Thunderbird tests: a lab with one account, for each test anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.clients.running_lab import RunningLab, TlsMode, running_lab
from tests.clients.sandbox import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _installed() -> None:
    """Skip, or fail where clients are required, if something is not there."""
    for program in ("thunderbird", "Xvfb", "certutil"):
        if shutil.which(program) is None:
            missing(program)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[RunningLab]:
    """Run a lab."""
    with running_lab(tmp_path, accounts=1) as running:
        yield running


@pytest.fixture(params=list(TlsMode), ids=str)
def tls(request: pytest.FixtureRequest) -> TlsMode:
    """Run the test once for each way to TLS."""
    mode: TlsMode = request.param
    return mode
