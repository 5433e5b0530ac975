"""Feather and Parquet files as tables, through pyarrow, which is imported only then.

Refuses such a file by name where pyarrow is not installed: it is an extra, most treasuries never need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vault.markets.reading import limits
from vault.markets.reading.table import Column, Table, unusable
from vault.markets.reading.unpack import too_large

if TYPE_CHECKING:
    import pyarrow

_MAGIC: Final = {b"ARROW1": "feather", b"PAR1": "parquet"}


def form_of(data: bytes) -> str:
    """``feather``, ``parquet``, or "" for neither."""
    return next((form for magic, form in _MAGIC.items() if data.startswith(magic)), "")


def read_arrow(name: str, data: bytes) -> Table:
    """The table of a feather (version 2) or Parquet file.

    Raises `MarketDataError` (``no_pyarrow``, ``too_large``, ``damaged``).
    """
    if len(data) > limits.MAX_ARROW_BYTES:
        raise too_large(f"{name}: expected at most {limits.MAX_ARROW_BYTES} bytes of a {form_of(data)} file")
    try:
        import pyarrow
    except ImportError:
        raise unusable(
            "no_pyarrow",
            f"{name}: a {form_of(data)} file is read through pyarrow, which is not installed",
            "Install the extra: vault[history].",
        ) from None
    try:
        table = _parquet(name, data) if form_of(data) == "parquet" else _feather(name, data)
        table.validate(full=True)
        names = tuple(str(each) for each in table.column_names)
        return Table(names, tuple(_column(table.column(place)) for place in range(len(names))))
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise unusable("damaged", f"{name}: {str(error)[:200]}") from None


def _feather(name: str, data: bytes) -> pyarrow.Table:
    import pyarrow
    from pyarrow import ipc

    with ipc.open_file(pyarrow.BufferReader(data)) as reader:
        batches, rows = [], 0
        for place in range(reader.num_record_batches):
            batches.append(reader.get_batch(place))
            rows += batches[-1].num_rows
            _bound(name, len(reader.schema), rows)
        return pyarrow.Table.from_batches(batches, schema=reader.schema)


def _parquet(name: str, data: bytes) -> pyarrow.Table:
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(pyarrow.BufferReader(data)) as file:
        _bound(name, file.metadata.num_columns, file.metadata.num_rows)
        unpacked = sum(
            file.metadata.row_group(place).total_byte_size for place in range(file.metadata.num_row_groups)
        )
        if unpacked > limits.MAX_BYTES:
            raise too_large(f"{name}: unpacks to more than {limits.MAX_BYTES} bytes")
        return file.read()


def _bound(name: str, columns: int, rows: int) -> None:
    if columns > limits.MAX_COLUMNS or columns * rows > limits.MAX_CELLS:
        raise too_large(f"{name}: expected at most {limits.MAX_CELLS} cells, found {columns * rows}")


def _column(column: Any) -> Column:
    """Numbers and times as arrays, everything else as it stands."""
    from pyarrow import types

    kind = column.type
    if types.is_timestamp(kind) or types.is_date(kind):
        found: np.ndarray[Any, Any] = column.to_numpy().astype("datetime64[ms]")
        return found
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return np.asarray(column.cast("float64").to_numpy(), dtype=np.float64)
    return list(column.to_pylist())
