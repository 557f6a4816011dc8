"""Which implementation this process uses: the extension, or pure Python where that is sound."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, Any, Optional, Tuple, Type

from . import _pure
from ._codec import Codec, R
from ._header import Geometry
from .errors import NeedsExtension

if TYPE_CHECKING:
    from ._pure import Ring, Words


def _implementation() -> Optional[Tuple[Type[Ring], Type[Words]]]:
    if os.environ.get("TICKRING_PURE") != "1":
        try:
            from . import _native
        except ImportError:
            pass
        else:
            return _native.Ring, _native.Words
    if pure_is_sound():
        return _pure.Ring, _pure.Words
    return None


def pure_is_sound() -> bool:
    """Whether the argument at the top of _pure.py holds here."""
    return (
        platform.python_implementation() == "CPython"
        and platform.machine() in ("x86_64", "AMD64")
        and sys.maxsize == 2**63 - 1
    )


_classes = _implementation()

native: bool = _classes is not None and _classes[0] is not _pure.Ring
"""Whether the extension is in use."""


def words(memory: memoryview, writable: bool) -> Words:
    """Access to words of memory. Raises NeedsExtension."""
    if _classes is None:
        raise NeedsExtension
    return _classes[1](memory, writable)


def ring(header: memoryview, slots: memoryview, g: Geometry, codec: Codec[R], writable: bool) -> Ring:
    """Access to the ring of a segment. Raises NeedsExtension."""
    if _classes is None:
        raise NeedsExtension
    return _classes[0](
        header,
        slots,
        g.slots,
        g.slot_stride,
        g.record.size,
        g.view_offset,
        g.view_version_offset,
        g.record.mask,
        codec.fields,
        codec.make,
        writable,
    )


class _Closed:
    """The ring of a reader or writer that was closed."""

    def __getattr__(self, name: str) -> Any:
        raise ValueError("tickring: the reader or writer is closed")


closed: Any = _Closed()
