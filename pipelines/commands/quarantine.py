"""The commands of `crmdw` with which a steward repairs what came wrong: the quarantine, retractions, a rebuild.

What they do is in `pipelines/repair/` and `pipelines/replay/`. Records are shown on the terminal and nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.frame import TO_PUBLISH, By, Reason, Wait, Writing, loaded_home, writing_command
from pipelines.commands.progress_display import ProgressDisplay
from pipelines.commands.terminal import console, errors
from pipelines.connections import connected
from pipelines.errors import UsageError
from pipelines.home.lock import looking
from pipelines.ledger.loads import known
from pipelines.repair.decided import decide, load_what_is_stale, mark_stale
from pipelines.repair.mending import Mending
from pipelines.repair.quarantine import HeldRow, decisions_of, find_row, fixed_values, held_rows, row_name, summaries
from pipelines.repair.work_sheet import rows_of, sheet, take_changes, write_sheet
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer(help="Rows that a gate held back: what they are, and what becomes of them.", no_args_is_help=True)

Feed = Annotated[str | None, typer.Option(help="One feed only; default: all.")]


@app.command("list", epilog="Example: [cyan]crmdw quarantine list --feed branch__transactions[/cyan]")
def list_rows(
    feed: Feed = None,
    is_all: Annotated[bool, typer.Option("--all", help="Show what was fixed or discarded too.")] = False,
) -> None:
    """Show what is held back by feed and reason: rows, since when, how much revenue, and the first of them."""
    settings = loaded_home(feed)
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        found = summaries(warehouse, feed, is_all)
    if not found:
        console.print("Nothing is held back." if is_all or feed is None else f"Nothing of {feed} is held back.")
        return
    today = datetime.now(UTC).date()
    table = Table(title=f"Held back: {sum(one.rows for one in found):,} rows", title_justify="left")
    for heading in ("feed", "reason", "rows", "first", "last", "days", "revenue held", "the first one", "file"):
        table.add_column(
            heading, justify="right" if heading in ("rows", "days", "revenue held") else "left", overflow="fold"
        )
    for one in found:
        table.add_row(
            one.feed,
            escape(one.reasons if one.status == "open" else f"{one.status}: {one.reasons}"),
            f"{one.rows:,}",
            str(one.first_date),
            str(one.last_date),
            f"{(today - one.first_date).days:,}",
            "\n".join(f"{amount:,.0f} {currency}" for amount, currency in one.held_amounts) or "-",
            one.name,
            escape(f"{Path(one.file).name} row {one.row_number}"),
        )
    console.print(table)


@app.command(
    epilog="Example: [cyan]crmdw quarantine show 7f3a12cd:17[/cyan]\n\n"
    "As a sheet to mend: [cyan]crmdw quarantine show --feed branch__transactions --out rows.csv[/cyan]"
)
def show(
    row: Annotated[str | None, typer.Argument(help="A row, as the list calls it.")] = None,
    feed: Feed = None,
    out: Annotated[Path | None, typer.Option(help="Write the open rows of the feed as a work sheet (CSV).")] = None,
) -> None:
    """Show one row, its reasons and decisions; or write the open rows of a feed as a sheet. Both are personal data."""
    settings = loaded_home(feed)
    if (row is None) == (feed is None) or (feed is None) != (out is None):
        raise UsageError("that is neither one row nor a sheet", "give a row, or --feed FEED --out FILE")
    if feed and out:
        with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
            rows = held_rows(warehouse, "held.feed = ? and held.status = 'open'", [feed])

        with _mending(settings, rows) as mending:
            write_sheet(mending, out)
        console.print(f"{len(rows):,} rows: {out} (personal data, mode 0600)", soft_wrap=True)
        console.print(f"Mend cells there, then: crmdw quarantine fix --from {out} --reason ...", soft_wrap=True)
        return
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        found = find_row(warehouse, row or "")
        decided = decisions_of(warehouse, found)
    console.print(f"{found.feed}  {found.name}  {found.status}", soft_wrap=True)
    console.print(
        f"{found.file} row {found.row_number}, delivered for {found.delivery_date}", soft_wrap=True, markup=False
    )
    console.print(f"held for: {found.reasons}", soft_wrap=True, markup=False)
    console.print(f"record: {found.record}", soft_wrap=True, markup=False)
    for number, kind, by, when, reason, content in decided:
        text = f"decision {number}: {kind} by {by}, {when:%Y-%m-%d %H:%M} UTC: {reason} {content}"
        console.print(text, soft_wrap=True, markup=False)


@app.command(
    epilog="Example: [cyan]crmdw quarantine fix 7f3a12cd:17 --set 금액=15000 --reason 'slip 4711'[/cyan]\n\n"
    "From a sheet: [cyan]crmdw quarantine fix --from rows.csv --reason 'checked with the branches'[/cyan]"
)
def fix(
    reason: Reason,
    row: Annotated[str | None, typer.Argument(help="A row, as the list calls it.")] = None,
    values: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="A value, by the source's column name.")
    ] = None,
    line: Annotated[str | None, typer.Option("--record", help="The whole corrected line.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="A mended work sheet.")] = None,
    by: By = None,
    wait: Wait = 0,
) -> None:
    """Give rows other values, and have them judged again by the same gate with their batch."""
    if bool(row) == bool(source) or bool(row) != bool(values or line):
        raise UsageError("that is neither one row nor a sheet", "give a row with --set or --record, or --from FILE")
    pairs = [value.partition("=") for value in values or []]
    if wrong := [name for name, sign, _ in pairs if not sign]:
        raise UsageError(f"--set {wrong[0]} has no value", "write COLUMN=VALUE")

    with writing_command("quarantine fix", wait) as command:
        settings = loaded_home(None)
        if source:
            with sheet(settings, source) as mended:
                with connected(settings, settings.warehouse, read_only=True) as warehouse:
                    named = "list_contains(?::varchar[], held.batch_id || ':' || held.row_number)"
                    rows = held_rows(warehouse, named, [rows_of(mended)])
                with _mending(settings, rows) as mending:
                    for name, cells in take_changes(mending, mended).items():
                        console.print(f"{name}: {cells:,} cells changed", markup=False)
                    contents = mending.contents()
        else:
            with connected(settings, settings.warehouse, read_only=True) as warehouse:
                rows = [find_row(warehouse, row or "")]
            with _mending(settings, rows) as mending:
                if line:
                    mending.set_record(rows[0], line)
                mending.set(rows[0], {name: value for name, _, value in pairs})
                contents = mending.contents()
        changed = {(batch_id, row_number) for batch_id, row_number, _ in contents}
        rows = [one for one in rows if (one.batch_id, one.row_number) in changed]
        if not rows:
            console.print("No cell was changed; nothing is done.")
            return
        decide(settings, "fix", command.author(by, reason), rows, contents)
        _load_and_tell(command, "quarantine fix", [(one.batch_id, one.row_number) for one in rows])


@app.command(
    epilog="Example: [cyan]crmdw quarantine discard 7f3a12cd:17 --reason 'a test booking'[/cyan]\n\n"
    "Many: [cyan]crmdw quarantine discard --feed dm__replies --held-for 'too few columns' --reason 'cut off'[/cyan]"
)
def discard(
    reason: Reason,
    rows: Annotated[list[str] | None, typer.Argument(help="Rows, as the list calls them.")] = None,
    feed: Feed = None,
    held_for: Annotated[str | None, typer.Option(help="All open rows of the feed held for this text.")] = None,
    by: By = None,
    wait: Wait = 0,
) -> None:
    """Leave rows out for good: they are counted as held back, and nobody asks for them any more."""
    if bool(rows) == bool(feed and held_for):
        raise UsageError("no rows are given", "give rows, or --feed FEED --held-for TEXT")

    with writing_command("quarantine discard", wait) as command:
        settings = loaded_home(feed)
        with connected(settings, settings.warehouse, read_only=True) as warehouse:
            if rows:
                found = [find_row(warehouse, name) for name in rows]
            else:
                condition = "held.feed = ? and held.status = 'open' and contains(held.reasons, ?)"
                found = held_rows(warehouse, condition, [feed, held_for])
        if fixed := [one.name for one in found if one.status == "fixed"]:
            raise UsageError(
                f"{fixed[0]} is fixed and loaded", "withdraw its delivery with `crmdw retract`, or fix it anew"
            )
        if not found:
            console.print("No open row is held for that; nothing is done.")
            return
        decide(settings, "discard", command.author(by, reason), found)
        _load_and_tell(command, "quarantine discard", [(one.batch_id, one.row_number) for one in found])


@app.command(epilog="Example: [cyan]crmdw quarantine replay --feed branch__transactions[/cyan]")
def replay(
    feed: Feed = None,
    batch: Annotated[str | None, typer.Option(help="One batch only, or the beginning of its name.")] = None,
    wait: Wait = 0,
) -> None:
    """Send the batches with open rows through the gate again, by the mapping and the rules of today."""
    with writing_command("quarantine replay", wait) as command:
        settings = loaded_home(feed)
        with connected(settings, settings.warehouse, read_only=True) as warehouse:
            condition = (
                "held.status = 'open' and (?::varchar is null or held.feed = ?) and starts_with(held.batch_id, ?)"
            )
            rows = held_rows(warehouse, condition, [feed, feed, batch or ""])
        if not rows:
            console.print("No row is open; nothing is done.")
            return
        mark_stale(settings, rows)
        _load_and_tell(command, "quarantine replay", [(one.batch_id, one.row_number) for one in rows])


@contextmanager
def _mending(settings: Settings, rows: Sequence[HeldRow]) -> Iterator[Mending]:

    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        ledger = known(warehouse)
        fixed = fixed_values(warehouse, sorted({row.batch_id for row in rows})).fetchall()
    with Mending(settings, load_sources_file(settings.sources_file), ledger, rows, fixed) as mending:
        yield mending


def _load_and_tell(command: Writing, run_id: str, rows: list[tuple[str, int]]) -> None:
    """Load what the decision made stale, and say of each row what became of it."""
    settings = command.settings
    with ProgressDisplay(errors) as progress:
        load_what_is_stale(settings, load_sources_file(settings.sources_file), run_id, progress)
    with connected(settings, settings.warehouse, read_only=True) as warehouse:
        batches = sorted({batch_id for batch_id, _ in rows})
        held = held_rows(warehouse, "list_contains(?::varchar[], held.batch_id)", [batches])
    now = {(one.batch_id, one.row_number): one for one in held}
    told: dict[str, list[str]] = {}
    for batch_id, row_number in rows:
        one = now.get((batch_id, row_number))
        verdict = "passes now, and is loaded" if one is None else one.status
        if one and one.status == "open":
            verdict = f"still held for: {one.reasons}"
        told.setdefault(verdict, []).append(row_name(batch_id, row_number))
    for verdict, names in told.items():
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        console.print(f"{len(names):,} {verdict} ({shown})", soft_wrap=True, markup=False)
    console.print(TO_PUBLISH)
