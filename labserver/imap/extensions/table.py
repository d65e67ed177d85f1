"""Every extension by name, in the order in which capabilities are listed. Each can be switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labserver.imap.extensions import (
    appendlimit,
    binary,
    children,
    condstore,
    create_special_use,
    enable,
    esearch,
    esort,
    identification,
    idle,
    list_extended,
    list_status,
    literal_plus,
    move,
    multiappend,
    namespace,
    quota,
    sasl_ir,
    savedate,
    searchres,
    sort,
    sort_display,
    special_use,
    status_size,
    thread,
    uidplus,
    unselect,
    utf8_accept,
    within,
)

if TYPE_CHECKING:
    from labserver.imap.vocabulary import Extension

__all__ = ["EXTENSIONS"]

_MODULES = (
    literal_plus,
    sasl_ir,
    identification,
    enable,
    idle,
    namespace,
    uidplus,
    move,
    unselect,
    children,
    special_use,
    create_special_use,
    list_extended,
    list_status,
    status_size,
    esearch,
    searchres,
    within,
    savedate,
    sort,
    sort_display,
    esort,
    thread,
    multiappend,
    appendlimit,
    quota,
    binary,
    condstore,
    utf8_accept,
)

EXTENSIONS: dict[str, Extension] = {module.EXTENSION.name: module.EXTENSION for module in _MODULES}
