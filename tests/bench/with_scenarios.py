"""``labserver`` with so many generated scenarios beside its own: ``python -m tests.bench.with_scenarios N up …``."""

from __future__ import annotations

import sys

from labserver.__main__ import main
from labserver.catalogue.entries import CATALOGUE
from tests.scenarios.many import generated

if __name__ == "__main__":
    CATALOGUE.written.update(generated(int(sys.argv.pop(1))))
    main()
