"""The command line's entry: ``labserver`` and ``python -m labserver``."""

from __future__ import annotations

import sys

from labserver.cli.parser import run

__all__ = ["main"]


def main() -> int:
    """Run the command line and return its exit code."""
    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
