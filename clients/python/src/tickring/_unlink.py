"""Removing segments."""

from __future__ import annotations

import os
import re
import time
from typing import Callable, Dict, Optional

from . import _doorbell, _ring_file
from ._header import Geometry
from ._layout import BACKING_HUGETLBFS
from ._segment import DIR, canonical, open_object, path_of, read_geometry
from .errors import TickringError, operation


def unlink(name: str) -> None:
    """Removes a segment's name, its doorbell, and the file of its slots if it has one.

    Processes that have it mapped keep it; no other can open it any more. It does not look whether the segment has a
    writer. Raises SegmentNotFound, AccessDenied or InvalidName.
    """
    with operation("unlink", canonical(name)):
        path = path_of(name)
        bells = _doorbells(path)
        geometry: Optional[Geometry] = None
        try:
            fd, info = open_object(name, False)
            try:
                geometry = read_geometry(fd, info.st_size)
            finally:
                os.close(fd)
        except FileNotFoundError:
            _remove(bells, _left_over)  # nor is a segment that is being made now to lose its doorbell
            raise
        except (OSError, TickringError):
            pass
        missing = _unlink_object(path)
        if geometry is None:
            _remove(bells, lambda created: True)  # nothing can be read of the segment that they are of
        else:
            own = geometry.created  # once the name is free somebody may make a segment of that name
            if geometry.doorbell:
                bells[own] = _doorbell.path_of(path, own)
            _remove(bells, lambda created: created == own or _left_over(created))
            if geometry.backing == BACKING_HUGETLBFS:
                _ring_file.unlink(canonical(name), geometry, info.st_uid)
        if missing is not None:
            raise missing


def _unlink_object(path: str) -> Optional[FileNotFoundError]:
    try:
        os.unlink(path)
    except FileNotFoundError as error:
        return error
    return None


def _remove(bells: Dict[int, str], useless: Callable[[int], bool]) -> None:
    for created, bell in bells.items():
        if useless(created):
            try:
                os.unlink(bell)
            except FileNotFoundError:
                pass


def _doorbells(path: str) -> Dict[int, str]:
    """Paths of the doorbells of a segment, those of crashed creations included, by when they were created."""
    pattern = re.compile(re.escape(os.path.basename(path)) + r"\.([0-9a-fA-F]{16})" + re.escape(_doorbell.SUFFIX))
    found = ((pattern.fullmatch(name), name) for name in os.listdir(DIR))
    return {int(match[1], 16): f"{DIR}/{name}" for match, name in found if match}


def _left_over(created: int) -> bool:
    """Whether a doorbell can be no other than that of a creation that crashed, or of a segment that is gone."""
    return abs(time.time_ns() - created) > 60_000_000_000
