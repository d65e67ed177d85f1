"""What the reference clients make of every kind of misbehaviour: docs/REFERENCE_CLIENTS.md is made here.

``python -m tests.catalogue.reference_table --write`` plays everything and keeps it; with ids or kinds, only their rows.
What entries say is kept as well (:mod:`tests.catalogue.differences`).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from labserver.misbehaviours.table import KINDS
from tests.catalogue.differences import differences, path_of
from tests.catalogue.kinds_alone import met_alone
from tests.catalogue.met import Met, meet
from tests.catalogue.recorded import DIALOGUES
from tests.catalogue.words import parsed
from tests.ours import CATALOGUE, written
from tests.reference.traits import CLIENTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["DOCUMENT", "EXAMPLE", "rows_kept", "rows_of"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "REFERENCE_CLIENTS.md"
EXAMPLE = "*its example*"
"""Stands for the entry where a kind's own example was met."""
_HEAD = """\
# What the reference clients make of it

Made by `python -m tests.catalogue.reference_table --write`; do not edit it here.

Reference clients are mail clients without a network, in `tests/reference/`. Every entry of the catalogue and the
example of every kind of misbehaviour is played to them, and a scenario that nobody right can pass, or that has to be
rejected and nobody can fail, breaks the build. `./lab test --entry ID` plays one.

| client | what it is like |
|---|---|
| strict | right in every respect, and does the least: it logs in, and sends a mail or opens the mailbox |
| diligent | right in every respect, with a whole job to do; it asks for TLS that is not offered, too, and tries again |
| impatient | right, but gives up on what is slow or comes in pieces; asked where a server has not to be rejected |
| gullible | believes everything, and waits for ever |
| reckless | goes on whatever it is answered: in clear, with weaker mechanisms, from the beginning |
| antique | gullible, and speaks every TLS since SSL 3.0; asked where the others do not meet the fault |
| mistaken | right, with the wrong password; asked where the others do not meet the fault |

A row has the verdicts on all services. `·` is a fault that did not reach the client, `-` a client that was not asked.
"""
_SHORT = {"INCONCLUSIVE": "·", "NOT-OFFERED": "·", "NOT-APPLICABLE": "not here"}


def rows_of(met: Met, name: str, only: str = "") -> Iterator[str]:
    """Yield the rows of an entry, one for each kind that reached somebody; or of a kind's example its own."""
    for kind in [only] if only else sorted(met.kinds) or ["none"]:
        cells = [_cell(met, traits.name) for traits in CLIENTS]
        yield f"| {kind} | {name} | {' | '.join(cells)} |"


def _cell(met: Met, client: str) -> str:
    outcomes = (str(report.verdict.outcome) for (_, name), report in met.reports.items() if name == client)
    return " ".join(sorted({_SHORT.get(outcome, outcome) for outcome in outcomes})) or "-"


def rows_kept(name: str, kind: str = "") -> list[str]:
    """Return the rows that the document has of an entry, or of a kind's example."""
    rows = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return [row for row in rows if row.split(" | ")[1] == name and row.startswith(f"| {kind}")]


def _link(identifier: str) -> str:
    return f"[`{identifier}`](SCENARIOS.md#{identifier})"


def _met_again(identifier: str, *, keep: bool) -> list[str]:
    """Return an entry's rows as they are now; keep what is said with it, unless all of it is recorded."""
    met = meet(CATALOGUE[identifier], CATALOGUE)
    if keep and identifier not in DIALOGUES and not met.scenario.chain.presents:
        path_of(identifier).parent.mkdir(exist_ok=True)
        path_of(identifier).write_text("\n".join((*differences(met), "")), encoding="ascii")
    return list(rows_of(met, _link(identifier)))


def _main(words: Sequence[str]) -> int:
    about = (
        "Have the reference clients meet entries and the examples of kinds; print the table of what they make of them."
    )
    write, chosen = parsed(words, "tests.catalogue.reference_table", about, [*written(), *KINDS])
    rows: list[str] = []
    for identifier in written():
        again = not chosen or identifier in chosen
        rows += _met_again(identifier, keep=write) if again else rows_kept(_link(identifier))
    for kind in KINDS:
        again = not chosen or kind in chosen
        rows += rows_of(met_alone(kind), EXAMPLE, kind) if again else rows_kept(EXAMPLE, f"{kind} ")
    title = f"| kind | entry | {' | '.join(traits.name for traits in CLIENTS)} |"
    line = "|---" * (2 + len(CLIENTS)) + "|"
    text = "\n".join((_HEAD, title, line, *sorted(rows), ""))
    if write:
        DOCUMENT.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
