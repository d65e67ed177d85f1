"""labserver: a local test mail server and TLS lab."""

__all__ = ["__version__"]

__version__ = "0.1.0"
