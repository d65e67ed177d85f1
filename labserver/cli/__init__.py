"""The command line: one module per sub-command."""

__all__: list[str] = []
