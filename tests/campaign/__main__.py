"""Real clients over the whole catalogue: ``python -m tests.campaign FOLDER [--client NAME] [--entry GLOB] [--write]``.

Reports are kept in the folder, one for each part; what is there already is not run again. Twenty minutes on two
processors are enough for everything. ``--write`` puts the sums into docs/CAMPAIGN.md.
"""

from __future__ import annotations

import argparse
import datetime as dt
import fnmatch
import sys
import time
from collections import Counter
from pathlib import Path

from tests.campaign.clients import CLIENTS, installed, version
from tests.campaign.document import DOCUMENT, Row, document
from tests.campaign.running import faults, parts, run, tally
from tests.ours import CATALOGUE


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run what is asked for; return 1 if the lab was at fault anywhere."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=__doc__)
    parser.add_argument("folder", type=Path, help="where reports are kept")
    parser.add_argument("--client", action="append", choices=CLIENTS, help="only this one, more than once for several")
    parser.add_argument("--entry", action="append", default=[], metavar="GLOB", help="only entries whose id matches")
    parser.add_argument("--write", action="store_true", help="write docs/CAMPAIGN.md; wants every client and entry")
    options = parser.parse_args()
    if options.write and (options.client or options.entry):
        parser.error("--write is for all clients and entries")
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = [one for one in CATALOGUE if any(fnmatch.fnmatch(one, glob) for glob in options.entry or ["*"])]
    wrong: list[str] = []
    rows: list[Row] = []
    verdicts: Counter[str] = Counter()
    absent = [name for name, client in CLIENTS.items() if not installed(client)]
    for name in options.client or CLIENTS:
        client = CLIENTS[name]
        if name in absent:
            _say(f"{name}: not installed")
            continue
        before = time.monotonic()
        reports = []
        for part in parts(name, client, chosen):
            reports.append(run(part, options.folder))
            wrong += faults(part, reports[-1])
        total = tally(reports)
        verdicts += total.verdicts
        rows.append(Row(client=name, version=version(client), services=client.services, cases=total.cases))
        _say(f"{name}: {total.cases} cases in {time.monotonic() - before:.0f} s")
    for what in wrong:
        _say(what)
    _say(f"{sum(row.cases for row in rows)} cases, {len(wrong)} faults; {dict(sorted(verdicts.items()))}")
    if options.write:
        today = dt.datetime.now(tz=dt.UTC).date()
        DOCUMENT.write_text(document(rows, absent, verdicts, len(wrong), today), encoding="utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
