"""``labserver`` with so many generated scenarios beside its own: ``python -m tests.bench.with_scenarios N up …``."""

from __future__ import annotations

import sys
from unittest import mock

from labserver.__main__ import main
from tests.scenarios.many import with_generated

if __name__ == "__main__":
    catalogue = with_generated(int(sys.argv.pop(1)))
    with mock.patch("labserver.cli.catalogues.shipped_catalogue", return_value=catalogue):
        main()
