"""Every scenario, one declarative entry each: listing, explanation, documentation and tests derive from here."""

__all__: list[str] = []
