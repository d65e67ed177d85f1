"""What a client under test was told: policies of services, and the terms by which all cases are judged."""

from __future__ import annotations

import argparse

import pytest

from labserver.cli.policies import add_policy, policies_of, terms_of
from labserver.services import SERVICES
from labserver.verdicts.finding import Revocation
from labserver.verdicts.policy import Policy

_PLAIN, _MAYBE = Policy.PLAINTEXT, Policy.OPPORTUNISTIC


def _options(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_policy(parser.add_argument_group())
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("words", "policies"),
    [
        ((), {}),
        (("--policy", "plaintext"), {"imap": _PLAIN, "smtp": _PLAIN}),
        (("--policy", "imap=plaintext"), {"imap": _PLAIN}),
        (("--policy", "plaintext", "--policy", "smtp=opportunistic"), {"imap": _PLAIN, "smtp": _MAYBE}),
    ],
)
def test_policies(words: tuple[str, ...], policies: dict[str, Policy]) -> None:
    """A service's own policy comes before that of all; without one it has its default."""
    services = [SERVICES[name] for name in ("imap", "smtp")]
    assert policies_of(_options(*words).instructions or (), services) == policies


@pytest.mark.parametrize(
    ("words", "revocation"),
    [((), Revocation.OFF), (("--revocation", "soft"), Revocation.SOFT), (("--revocation", "hard"), Revocation.HARD)],
)
def test_terms(words: tuple[str, ...], revocation: Revocation) -> None:
    """Nothing is said of revocation by default, and what is disputed is never a failure."""
    terms = terms_of(_options(*words), 30.0)
    assert (terms.revocation, terms.bound, terms.disputed_fails) == (revocation, 30.0, False)
