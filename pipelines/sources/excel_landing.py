"""Lands one sheet of an Excel workbook (xlsx, xls): a column in its own type where it has one, else as text."""

import json
import subprocess
import sys

import duckdb
import pyarrow as pa

from pipelines.connections import identifier
from pipelines.settings import PROJECT_ROOT
from pipelines.sources.configuration import Source
from pipelines.sources.deliveries import Delivery
from pipelines.sources.excel_sheet import UNREADABLE
from pipelines.sources.landing_table import (
    Landed,
    column_names,
    create_empty_landing,
    create_landing,
    fault,
    header_fault,
    landed_name,
)


def land_excel(gate: duckdb.DuckDBPyConnection, source: Source, deliveries: list[Delivery]) -> Landed:
    """Create `landing` from one workbook: no two need have the same types."""
    (delivery,) = deliveries
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "pipelines.sources.excel_sheet",
            str(delivery.path),
            source.sheet or "",
            str(source.header_row),
        ],
        cwd=PROJECT_ROOT,
        capture_output=True,
        check=False,
    )
    if result.returncode:
        create_empty_landing(gate)
        return Landed({delivery.batch_id: fault(delivery, *_cause_and_remedy(result))}, {})
    sheet = pa.ipc.open_stream(result.stdout).read_all()
    header = json.loads(sheet.schema.metadata[b"header"])
    reason = header_fault(source, delivery, header)
    is_distinct = len({name.casefold() for name in header if name}) == len([name for name in header if name])
    columns = [
        f"{identifier(str(position))} as {identifier(landed_name(name) if is_distinct else f'column {position + 1}')}"
        for position, name in enumerate(header)
        if name
    ]
    gate.register("sheet", sheet)
    create_landing(gate, delivery, "sheet", columns, reason)
    gate.unregister("sheet")
    return Landed({delivery.batch_id: reason} if reason else {}, {delivery.batch_id: column_names(header)})


def _cause_and_remedy(result: subprocess.CompletedProcess[bytes]) -> tuple[str, str]:
    if result.returncode == UNREADABLE:
        cause, _, remedy = result.stderr.decode().strip().partition("\n")
        return cause, remedy
    return (
        "the workbook's reader ended early, for want of memory or over damage",
        "remove stray cells far below or beside the rows, or deliver the rows as CSV",
    )
