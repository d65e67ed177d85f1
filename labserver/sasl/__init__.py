"""SASL mechanisms as generators and the credentials they check; no I/O."""

__all__: list[str] = []
