"""Declared divergences: what a file can say, what is refused with its line, and that what is written can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from labserver.check.expectations import expected_toml, read_expected
from labserver.errors import ConfigurationError
from labserver.report.standing import Bar, Expected, Standing
from labserver.verdicts.finding import Outcome
from tests.report.test_standing import found

if TYPE_CHECKING:
    from pathlib import Path

_CASES = ("expired@imaps", "expired@pop3s", "self-signed@imaps")
_GOOD = """
["expired@*"]
verdict = "FAIL"
rules = ["rejects-certificate"]
reason = "the clock is wrong"

["self-signed@imaps"]
verdict = "INCONCLUSIVE"
reason = "\\u00fc"
"""


def test_read(tmp_path: Path) -> None:
    """A table is a case, or a pattern for several."""
    path = tmp_path / "expect.toml"
    path.write_text(_GOOD)
    assert read_expected(path, _CASES) == (
        Expected(case="expired@*", verdict=Outcome.FAIL, rules=("rejects-certificate",), reason="the clock is wrong"),
        Expected(case="self-signed@imaps", verdict=Outcome.INCONCLUSIVE, reason="ü"),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('["expird@imaps"]\nverdict = "FAIL"\nreason = "x"', "line 1: [expird@imaps]: no such case; did you mean"),
        ('["expired@imaps"]\nverdict = "FAIL"\nreason = " "', "line 3: [expired@imaps] reason: it is empty; say why"),
        ('["expired@imaps"]\nverdict = "FAIL"', "line 1: [expired@imaps]: reason is missing"),
        ('["expired@imaps"]\nverdict = "WARN"\nreason = "x"', "line 2: [expired@imaps] verdict: unknown WARN"),
        ('["expired@imaps"]\nwhy = "x"', "unknown key why"),
        ('["expired@imaps"]\nverdict = "FAIL"\nreason = "x"\nrules = ["x"]', "rules[0]: unknown rule x"),
        ("expired = 1", "line 1: [expired]: no such case"),
        ("[", "not TOML"),
    ],
)
def test_refused(tmp_path: Path, text: str, says: str) -> None:
    """A mistake is told with its line, and what could be there."""
    path = tmp_path / "expect.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        read_expected(path, _CASES)
    assert says in str(refusal.value)


def test_written(tmp_path: Path) -> None:
    """What diverged is written without reasons, which are refused until they are there, or with those it had."""
    reports = [
        found(Outcome.FAIL),
        found(Outcome.INCONCLUSIVE, case="self-signed@imaps"),
        found(Outcome.PASS, case="expired@pop3s"),
    ]
    path = tmp_path / "expect.toml"
    path.write_text(expected_toml(reports, Bar()))
    with pytest.raises(ConfigurationError, match="reason: it is empty"):
        read_expected(path, _CASES)
    path.write_text(path.read_text().replace('reason = ""', 'reason = "\\\\ \\" \x7f ü"'.replace("\x7f", "\\u007f")))
    expected = read_expected(path, _CASES)
    assert [one.case for one in expected] == ["expired@imaps", "self-signed@imaps"]
    bar = Bar(expected=expected)
    assert [bar.standing(one) for one in reports] == [Standing.EXPECTED, Standing.EXPECTED, Standing.PASSED]
    path.write_text(expected_toml(reports, bar))
    assert read_expected(path, _CASES) == expected
    assert expected_toml([replace(reports[2])], bar).count("[") == 0
