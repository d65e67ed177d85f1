"""Reads a mailbox with imaplib: ``HOST PORT CA USER PASSWORD SECURITY ADDRESS``."""

from __future__ import annotations

import imaplib
import os
import ssl
import sys

host, port, ca, user, password, security, _ = sys.argv[1:]
patience = float(os.environ.get("PATIENCE", "4"))
context = ssl.create_default_context(cafile=ca)
if security == "tls":
    client: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, int(port), ssl_context=context, timeout=patience)
else:
    client = imaplib.IMAP4(host, int(port), timeout=patience)
    client.starttls(context)
client.login(user, password)
client.select("INBOX")
client.search(None, "ALL")
client.fetch("1:*", "(FLAGS BODY.PEEK[])")
client.logout()
