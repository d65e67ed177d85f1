"""The command line's entry: ``labserver`` and ``python -m labserver``."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]

_FAILED = 1
_INTERRUPTED = 130


def main() -> int:
    """Run the command line and return its exit code; an interrupt and a reader that has gone end it quietly."""
    try:
        from labserver.cli.parser import run  # noqa: PLC0415 -- an interrupt may come while it is imported

        try:
            return run(sys.argv[1:])
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # at exit it would be too late to be quiet
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED


if __name__ == "__main__":
    sys.exit(main())
