"""The SMTP and LMTP backend: aiosmtpd's verbs driven without I/O."""

__all__: list[str] = []
