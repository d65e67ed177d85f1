"""Fixtures of the client tests: one lab for all of them, a fresh account and a fresh home for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from tests.clients.running_lab import Account, RunningLab, TlsMode, running_lab
from tests.clients.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

_ACCOUNTS = 250
_START = pytest.StashKey[tuple[RunningLab, int]]()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    """Run the lab under test for the whole session."""
    with running_lab(tmp_path_factory.mktemp("lab"), accounts=_ACCOUNTS) as running:
        yield running


@pytest.fixture(autouse=True)
def _start(request: pytest.FixtureRequest, lab: RunningLab) -> None:
    """Remember where this test's part of the lab's transcript begins."""
    request.node.stash[_START] = (lab, lab.now())


@pytest.fixture
def account(lab: RunningLab) -> Account:
    """Return an account that no other test uses, with an empty mailbox."""
    return next(lab.accounts)


@pytest.fixture(params=list(TlsMode), ids=str)
def tls(request: pytest.FixtureRequest) -> TlsMode:
    """Run the test once for each way to TLS."""
    mode: TlsMode = request.param
    return mode


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """Return an empty home for client programs."""
    return Sandbox(home=tmp_path)


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the certificate of a CA that issued nothing here: who trusts only it must refuse the lab."""
    path = tmp_path_factory.mktemp("stranger") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what was said during a failed test."""
    report = yield
    if report.failed and _START in item.stash:
        running, start = item.stash[_START]
        report.sections.append(("lab transcript", running.said(start)))
    return report
