"""APPENDLIMIT (RFC 7889): how large a message may be, before it is sent.

The limit is the same for every mailbox, so it stands in the capability (RFC 7889 3.1).
"""

from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSION"]

EXTENSION = Extension(name="APPENDLIMIT", reference="RFC 7889", capabilities=("APPENDLIMIT={message_size}",))
