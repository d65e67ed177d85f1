"""Claims about the verifiers: each that is installed judges a few chains for their faults; what fails is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.pki.chain import Chain
from tests.clients.sandbox import missing
from tests.verifiers.case import Answer, Case, Outcome
from tests.verifiers.command import Command, version_of
from tests.verifiers.findings import Finding
from tests.verifiers.measure import judged, measure
from tests.verifiers.stream import Stream
from tests.verifiers.table import VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

EXPECTED = {
    "good": Finding.ACCEPTED,
    "expired": Finding.EXPIRED,
    "wrong-host": Finding.NAME,
    "nc-excluded-dns-match": Finding.CONSTRAINTS,
    "unknown-critical-extension": Finding.EXTENSION,
}
REPAIRED = ("nc-excluded-dns-match", "unknown-critical-extension")

_OPTIONAL = ("go", "java", "rustls")
"""Those whose programs are optional in ``tests/programs.py``."""


@pytest.fixture(scope="module")
def installed() -> Iterator[list[str]]:
    """Return the verifiers there are; what has to be downloaded first is not there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CARGO_NET_OFFLINE", "true")
        yield [name for name, verifier in VERIFIERS.items() if verifier.version() is not None]


@pytest.fixture(scope="module")
def found(installed: list[str]) -> dict[tuple[str, str], Finding]:
    """Return what all of them make of a few scenarios."""
    return {(one.scenario, one.verifier): one.finding for one in measure(list(EXPECTED), installed)}


@pytest.mark.parametrize("name", VERIFIERS)
def test_judges(name: str, installed: list[str], found: dict[tuple[str, str], Finding]) -> None:
    """It accepts the good chain, and rejects each of the others for its fault."""
    if name not in installed and name in _OPTIONAL:
        pytest.skip(f"{name} is not installed")
    if name not in installed:
        missing(f"the verifier {name}")
    assert {scenario: found[scenario, name] for scenario in EXPECTED} == EXPECTED


def test_repaired(installed: list[str]) -> None:
    """Without the fault, everybody accepts."""
    found = measure(REPAIRED, installed, repaired=True)
    assert len(found) == len(REPAIRED) * len(installed)
    assert {one.finding for one in found} == {Finding.ACCEPTED}


def _case(folder: Path, name: str = "case", host: str = "mail.lab.test") -> Case:
    chain = Chain(leaf=b"", key=b"")
    return Case(id=name, name=host, address="127.0.0.1", ports={"imaps": 9}, anchors=folder / "no.pem", chain=chain)


def _shell(script: str, seconds: float = 20) -> Command:
    return Command(
        name="shell",
        program="sh",
        version_of=lambda: "1",
        arguments=lambda _case, _folder: ("-c", script),
        words=str.strip,
        reasons=(),
        seconds=seconds,
    )


@pytest.mark.parametrize(
    ("script", "seconds", "outcome", "words"),
    [
        ("echo '* OK ready'; exec sleep 60", 20, Outcome.ACCEPTED, ""),
        ("echo no >&2; exit 1", 20, Outcome.REJECTED, "no"),
        ("exec sleep 60", 0.2, Outcome.UNMET, "timed out"),
    ],
)
def test_command(script: str, seconds: float, outcome: Outcome, words: str, tmp_path: Path) -> None:
    """A command that reads the greeting has accepted, one that ends has not, and one that hangs never got there."""
    (answer,) = _shell(script, seconds).judge([_case(tmp_path)], tmp_path)
    assert (answer.outcome, answer.words) == (outcome, words)


def test_out_of_reach(tmp_path: Path) -> None:
    """A command that cannot be told where to go has not met the case, and is not run."""
    command = replace(_shell("echo '* OK ready'"), reaches=lambda case: case.by_address)
    outcomes = [next(command.judge([_case(tmp_path, host=host)], tmp_path)).outcome for host in ("::1", "a.test")]
    assert outcomes == [Outcome.ACCEPTED, Outcome.UNMET]


def test_stream(tmp_path: Path) -> None:
    """Cases that a program did not get to before it broke are unmet, with the last it said."""
    script = r'printf "%s\trejected\twhy\n" "$(cut -f1 | head -1)"; echo broken >&2; exit 1'
    stream = Stream(name="x", version_of=lambda: "1", build=lambda _folder: ("sh", "-c", script), reasons=())
    answers = list(stream.judge([_case(tmp_path, "one"), _case(tmp_path, "two")], tmp_path))
    assert [(one.case, one.outcome, one.words) for one in answers] == [
        ("one", Outcome.REJECTED, "why"),
        ("two", Outcome.UNMET, "broken"),
    ]


@pytest.mark.parametrize(("host", "expected"), [("::1", True), ("127.0.0.1", True), ("a.test", False), ("a.", False)])
def test_by_address(host: str, expected: bool, tmp_path: Path) -> None:  # noqa: FBT001 -- a table's column
    """Addresses are told from names."""
    assert _case(tmp_path, host=host).by_address is expected


class _Odd:
    """A verifier that asks for nothing, or breaks."""

    name = "odd"
    reasons = ()
    asks: frozenset[str] = frozenset()

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def version(self) -> str:
        """Return that it is there."""
        return "Odd 1"

    def judge(self, cases: Sequence[Case], folder: Path) -> Iterator[Answer]:
        """Accept everything, or break."""
        if self.broken:
            raise RuntimeError(self.broken)
        assert folder.is_dir()
        yield from (Answer(case=case.id, outcome=Outcome.ACCEPTED) for case in cases)


def test_not_asked(tmp_path: Path) -> None:
    """Who does not ask for what a case is about has not met it."""
    cases = [_case(tmp_path, "one"), replace(_case(tmp_path, "two"), asked="status_request")]
    found = {one.scenario: one.finding for one in judged(_Odd(), cases=cases, folder=tmp_path)}
    assert found == {"one": Finding.ACCEPTED, "two": Finding.UNMET}


def test_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A verifier that breaks is told, and has no results."""
    assert judged(_Odd("out of order"), cases=[_case(tmp_path)], folder=tmp_path) == []
    assert "odd could not be run: RuntimeError('out of order')" in capsys.readouterr().err


def test_version() -> None:
    """A version is what a program says, or unknown if there is no such program, or it says something else."""
    assert version_of("echo", "tool 1.2", pattern=r"tool (\S+)", prefix="Tool ") == "Tool 1.2"
    assert version_of("echo", "hello", pattern=r"tool (\S+)", prefix="Tool ") == "Tool of unknown version"
    assert version_of("/nowhere/tool", pattern="(.)") == "of unknown version"
