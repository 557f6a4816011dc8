"""Between records as Python objects and as bytes."""

from __future__ import annotations

import struct
from functools import partial
from typing import Any, Callable, Generic, List, Optional, Sequence, Tuple, Type, TypeVar

from ._schema import Schema, struct_format

R = TypeVar("R", bound=Tuple[Any, ...])


class Codec(Generic[R]):
    """Packs records of a schema, and makes them of their fields' values.

    record is the NamedTuple class that a program wants them in: its schema must be the segment's, or it is a
    RecordMismatch. Without one it is made of the schema.
    """

    def __init__(self, schema: Schema, record: Optional[Type[R]]) -> None:
        if record is not None:
            schema.check(Schema.of(record))
        self.record: Type[Any] = record or schema.record_type()
        self.fields = tuple((f.kind.code, f.count, f.offset) for f in schema.fields)
        self.make: Callable[[Sequence[Any]], R] = partial(tuple.__new__, self.record)  # record._make, without its frame
        self._struct = struct.Struct(struct_format(self.fields, schema.size))
        self._counts = [f.count for f in schema.fields]
        self.pack: Callable[[Sequence[Any]], bytes] = self._pack_plain
        if max(self._counts) > 1:
            self.pack = self._pack_arrays

    def _pack_plain(self, record: Sequence[Any]) -> bytes:
        return self._struct.pack(*record)

    def _pack_arrays(self, record: Sequence[Any]) -> bytes:
        values: List[Any] = []
        if len(record) != len(self._counts):
            raise struct.error(f"a record has {len(self._counts)} fields, not {len(record)}")
        for value, count in zip(record, self._counts):
            if count == 1:
                values.append(value)
            elif len(value) == count:
                values.extend(value)
            else:
                raise struct.error(f"an array of {count} elements, not {len(value)}")
        return self._struct.pack(*values)
