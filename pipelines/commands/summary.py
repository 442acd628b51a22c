"""What a person is shown after a run: where the file is, who the customers are, what the gates said, what next."""

import sys
from datetime import date
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

from pipelines.connections import connected
from pipelines.errors import IncompleteError
from pipelines.home.shell_command import shell_command
from pipelines.ledger.loads import conservation, conservation_line
from pipelines.loading.look import Status
from pipelines.settings import Settings

_HELD = """
select
    held.feed,
    held.reasons,
    count(*),
    arg_min(loads.file, (loads.delivery_date, held.row_number)),
    arg_min(held.row_number, (loads.delivery_date, held.row_number)),
from quarantine.rows as held
inner join ledger.loads as loads on held.batch_id = loads.batch_id and loads.is_current
where held.status = 'open'
group by held.feed, held.reasons
order by 3 desc, 1, 2
limit 5
"""


def show_summary(console: Console, settings: Settings, seconds: float) -> None:
    """Print the published path, RFM segments, gate results with the conservation line, and three next steps."""
    console.print()
    with connected(settings, settings.published_file, read_only=True) as published:
        console.print(_segments(published))
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        counts = conservation(warehouse)
        held = warehouse.execute(_HELD).fetchall()
        last = _last_delivery_date(warehouse)
    console.print(
        f"[bold]Gates[/bold]  {counts['batches'] - counts['refused']:,} batches loaded, {counts['refused']:,} refused"
    )
    console.print(conservation_line(counts), soft_wrap=True)
    if held:
        console.print("Held back, by the rule that is broken:")
        for feed, reasons, rows, file, row_number in held:
            where = f"first in {Path(file).name} row {row_number}"
            console.print(f"  {rows:,} x {feed}: {reasons} ({where})", soft_wrap=True, markup=False)
        console.print(
            f"  Remedy: see them, fix or discard them with {shell_command(settings, 'quarantine', 'list')}",
            soft_wrap=True,
        )
    console.print()
    console.print(f"[bold]Published[/bold]  {settings.published_file}  ({seconds:.0f} s)", soft_wrap=True)
    console.print()
    console.print("[bold]Try next[/bold]")
    python = "import duckdb; duckdb.connect('{}', read_only=True).sql('{}').show()"
    query = "select segment_label, count(*) from marts.mart_rfm group by all"
    commands = {
        "SQL on the marts": f'{Path(sys.executable)} -c "{python.format(settings.published_file, query)}"',
        "what the gates found, as a page": shell_command(settings, "quality", "report"),
        "the Dagster UI": shell_command(settings, "ui"),
    }
    if last:
        commands["a backfill"] = shell_command(settings, "backfill", "--from", str(last), "--to", str(last))
    for text, line in commands.items():
        console.print(f"  {text}:", highlight=False)
        console.print(f"    {line}", soft_wrap=True, highlight=False, markup=False)


def _segments(published: duckdb.DuckDBPyConnection) -> Table:
    window = published.execute(
        "select any_value(window_start_date), any_value(window_end_date), any_value(currency) from marts.mart_rfm"
    ).fetchone()
    first, last, currency = window or (None, None, None)
    table = Table(title=f"RFM segments, {first} to {last}, in {currency}", title_justify="left")
    for heading in ("segment", "customers", "revenue", "median lifetime value"):
        table.add_column(heading, justify="left" if heading == "segment" else "right")
    rows = published.execute(
        """
        with sales as (
            select fct_transaction.customer_id, sum(fct_transaction.amount) as revenue
            from core.fct_transaction
            inner join marts.mart_rfm using (customer_id, currency)
            where
                fct_transaction.amount_role in ('sale', 'refund')
                and fct_transaction.transaction_date between mart_rfm.window_start_date and mart_rfm.window_end_date
            group by all
        )
        select
            mart_rfm.segment_label,
            count(*),
            sum(sales.revenue),
            median(mart_lifetime_value.lifetime_value_amount),
        from marts.mart_rfm
        left join marts.mart_lifetime_value using (customer_id)
        left join sales using (customer_id)
        group by all
        order by 3 desc nulls last
        """
    ).fetchall()
    for label, customers, revenue, value in rows:
        table.add_row(label, f"{customers:,}", _amount(revenue), _amount(value))
    return table


def _amount(value: object) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _last_delivery_date(warehouse: duckdb.DuckDBPyConnection) -> date | None:
    row = warehouse.execute("select max(delivery_date) from ledger.loads where is_current").fetchone()
    return row[0] if row else None


def show_idle(console: Console, settings: Settings, status: Status) -> None:
    """Say why a run has nothing to do.

    Raises IncompleteError where a required delivery keeps it from publishing.
    """
    hint = f"\nNo file fits any source; see {shell_command(settings, 'doctor')}" if status.is_empty else ""
    if not status.completeness.is_complete:
        raise IncompleteError(
            "nothing has arrived, and a required delivery is missing or refused:\n  "
            + "\n  ".join(status.completeness.required)
            + hint,
            "deliver or mend these files and run again; the published file stays what it was",
        )
    missing = len(status.completeness.optional)
    if status.is_empty:
        console.print(f"Nothing has arrived yet, and nothing required is overdue.{hint}", soft_wrap=True, markup=False)
    else:
        rest = f"; optional deliveries missing still, as published: {missing}" if missing else " and nothing overdue"
        console.print(f"\nNothing new{rest}; complete to {status.completeness.complete_date}.")


def show_status(console: Console, settings: Settings, status: Status) -> None:
    """Print, per feed and system, what is loaded, then what waits, what is missing, and the published file."""
    table = Table(title=f"{status.sources_file.company.name}: {settings.home}", title_justify="left")
    for heading in ("feed", "system", "batches", "refused", "first", "last", "loaded", "held back"):
        table.add_column(heading, justify="left" if heading in ("feed", "system") else "right", overflow="fold")
    for feed, system, batches, refused, first, last, loaded, held in status.batches:
        table.add_row(feed, system, f"{batches:,}", f"{refused:,}", str(first), str(last), f"{loaded:,}", f"{held:,}")
    console.print(table)
    if status.counts:
        console.print(conservation_line(status.counts))
    console.print(
        f"complete to {status.completeness.complete_date}; {len(status.arrivals.to_load):,} deliveries waiting"
    )
    for text in status.arrivals.left_out:
        console.print(text, soft_wrap=True, markup=False)
    published = "up to date" if status.is_published else f"not up to date: {shell_command(settings, 'run')}"
    console.print(f"published: {settings.published_file} is {published}", soft_wrap=True)
    console.print(f"as a page: {shell_command(settings, 'quality', 'report', '--open')}", soft_wrap=True, markup=False)
    for kind, texts in (("required", status.completeness.required), ("optional", status.completeness.optional)):
        for text in texts[:20]:
            console.print(f"{kind}, missing or refused: {text}", soft_wrap=True)
        if len(texts) > 20:
            console.print(f"... and {len(texts) - 20:,} more")
