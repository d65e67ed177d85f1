"""Have every verifier judge every scenario's certificate, and tell; ``--write`` keeps it, for docs/VERIFIERS.md."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.pki.recipe_files import all_recipes
from tests.verifiers.document import document
from tests.verifiers.findings import Finding
from tests.verifiers.measure import measure
from tests.verifiers.record import read, written
from tests.verifiers.served import judged_scenarios
from tests.verifiers.table import KEPT, VERIFIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.verifiers.measure import Measured
    from tests.verifiers.record import Record

__all__ = ["DOCUMENT", "RECORD", "main"]

_DOCS = Path(__file__).parents[2] / "docs"
RECORD = _DOCS / "verifiers.json"
DOCUMENT = _DOCS / "VERIFIERS.md"


def main(words: Sequence[str]) -> int:
    """Do what the command line says; return the exit code."""
    options = _options(words)
    keeps = options.write or options.missing
    if keeps and (private := ", ".join(sorted({*options.verifier} - {*KEPT}))):
        sys.stderr.write(f"{private}: what a mail client does is told, and not kept; leave out --write and --missing\n")
        return 1
    asked = options.verifier or (KEPT if keeps else VERIFIERS)
    versions = {name: version for name in asked if (version := VERIFIERS[name].version())}
    kept = read(RECORD)
    scenarios = _chosen(options, kept, list(versions))
    if options.write and (others := _others(kept, versions)) and len(scenarios) < len(judged_scenarios()):
        sys.stderr.write(f"There is {others} here: refresh all rows, so that they are of one version.\n")
        return 1
    repairable = [name for name in scenarios if name in _repairable()]
    found = [] if options.repaired else measure(scenarios, list(versions))
    after = measure(repairable, list(versions), repaired=True) if options.repaired or options.write else []
    if not options.write:
        _tell([*found, *after])
        return 0
    _write(kept.with_findings(versions, found, after))
    if unknown := [one for one in (*found, *after) if one.finding is Finding.OTHER]:
        sys.stdout.write("Why is not told by these words, or not understood (each verifier's module has a table):\n")
        _tell(unknown)
    return 0


def _chosen(options: argparse.Namespace, kept: Record, verifiers: Sequence[str]) -> list[str]:
    """Return the scenarios that are asked for."""
    chosen = [name for name in judged_scenarios() if any(fnmatchcase(name, glob) for glob in options.globs)]
    if not options.missing:
        return chosen
    return [name for name in chosen if {*verifiers} - kept.scenarios.get(name, {}).keys()]


def _others(kept: Record, versions: Mapping[str, str]) -> str:
    """Return what is here in other versions than those on file; empty if nothing is."""
    return ", ".join(
        f"{version} (the table has {kept.versions[name]})"
        for name, version in versions.items()
        if kept.versions.get(name, version) != version
    )


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.verifiers", description=__doc__)
    parser.add_argument("globs", nargs="*", default=["*"], metavar="GLOB", help="scenarios (default: all)")
    parser.add_argument(
        "--verifier", action="append", default=[], choices=VERIFIERS, help="only this one (can be given again)"
    )
    parser.add_argument("--missing", action="store_true", help="only scenarios that are not in the table yet")
    parser.add_argument("--repaired", action="store_true", help="not the faulty chains: the same without their fault")
    parser.add_argument(
        "--write", action="store_true", help="keep it in docs/verifiers.json and VERIFIERS.md, all but mail clients"
    )
    return parser.parse_args(words)


def _repairable() -> list[str]:
    return [name for name, spec in all_recipes().items() if spec.repaired is not None]


def _write(record: Record) -> None:
    arranged = record.arranged(KEPT, list(judged_scenarios()), _repairable())
    RECORD.write_text(written(arranged), encoding="utf-8")
    DOCUMENT.write_text(document(arranged, judged_scenarios()), encoding="utf-8")


def _tell(measured: Sequence[Measured]) -> None:
    for one in measured:
        sys.stdout.write(f"{one.scenario:40} {one.verifier:8} {one.finding:14} {one.words}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
