"""The SMTP and LMTP backend: aiosmtpd's session, driven one command at a time and without I/O.

``session`` is SMTP and submission, ``lmtp`` is LMTP; both import aiosmtpd, so import them when a client comes.
"""

__all__: list[str] = []
