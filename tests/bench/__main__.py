"""Measure the lab against its peers and print Markdown: ``python tests/bench [--quick] [section …]``."""

from __future__ import annotations

import argparse
import os
import platform
import ssl
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:  # run as a folder, which Python put on its path: what is imported are the repository's modules
    sys.path[0] = str(Path(__file__).parents[2])

from tests.bench import (
    against,
    catchers,
    certificates,
    checking,
    handshakes,
    hostile,
    reading,
    scenarios,
    sending,
    starting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SECTIONS", "main"]

SECTIONS: dict[str, Callable[[Path, bool], str]] = {
    "start": lambda folder, quick: starting.run(folder, rounds=3 if quick else 15),
    "catchers": lambda folder, quick: catchers.run(folder, rounds=3 if quick else 7, messages=500 if quick else 2000),
    "smtp": lambda folder, quick: sending.run(folder, rounds=3 if quick else 9, messages=500 if quick else 2000),
    "read": lambda folder, quick: reading.run(
        folder,
        rounds=2 if quick else 7,
        messages=2000 if quick else 10_000,
        some=500 if quick else 2000,
        retrieved=500 if quick else 3000,
    ),
    "tls": lambda folder, quick: handshakes.run(folder, rounds=3 if quick else 9, seconds=2 if quick else 3),
    "scenarios": lambda folder, quick: scenarios.run(folder, rounds=3 if quick else 15),
    "certificates": lambda folder, quick: certificates.run(folder, rounds=3 if quick else 15),
    "check": lambda folder, quick: checking.run(folder, rounds=1 if quick else 5, cases=100 if quick else None),
    "hostile": lambda folder, quick: hostile.run(
        folder,
        messages=5000 if quick else 100_000,
        octets=(1 if quick else 50) << 20,
        repeats=5000 if quick else 100_000,
        latencies=50 if quick else 200,
    ),
    "memory": lambda folder, quick: handshakes.run_memory(folder, connections=100 if quick else 500),
}


def main() -> None:
    """Print the sections that were asked for."""
    parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller and fewer rounds; noisier")
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="CHECKOUT",
        help="instead, measure beside the lab of a checkout",
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of --against (default: %(default)s)")
    options = parser.parse_args()
    unknown = set(options.sections) - SECTIONS.keys()
    if unknown:
        parser.error(f"there is no section {', '.join(sorted(unknown))}")
    sys.stdout.write(f"{_machine()}\n")
    if options.against:
        others = {Path(checkout).name: Path(checkout) for checkout in options.against}
        with tempfile.TemporaryDirectory(prefix="labserver-bench-") as folder:
            messages, share = (2000, 0.5) if options.quick else (10_000, 1.0)
            report = against.run(Path(folder), others=others, rounds=options.rounds, messages=messages, share=share)
        sys.stdout.write(f"\n{report}\n")
        return
    for section in options.sections or SECTIONS:
        with tempfile.TemporaryDirectory(prefix="labserver-bench-") as folder:
            sys.stdout.write(f"\n{SECTIONS[section](Path(folder), options.quick)}\n")
            sys.stdout.flush()


def _machine() -> str:
    processors = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(": ")[2] for line in processors.splitlines() if line.startswith("model name")), "?")
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {ssl.OPENSSL_VERSION}; load {os.getloadavg()[0]:.1f} at the start."
    )


if __name__ == "__main__":
    main()
