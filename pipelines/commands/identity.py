"""The commands under `crmdw identity`: which records are one customer, why, and a steward's word against it.

Personal data is shown to the caller on the terminal, and nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Annotated

import duckdb
import typer
from rich.markup import escape
from rich.table import Table

from pipelines.commands.frame import By, Reason, Wait, Writing, require_loaded, writing_command
from pipelines.commands.terminal import console
from pipelines.connections import connected, has_table
from pipelines.errors import UsageError
from pipelines.home.lock import looking
from pipelines.identity.changes import TABLES
from pipelines.identity.evidence import (
    Event,
    compared,
    edges_of,
    events,
    find_record,
    golden_record,
    kept_apart,
    records_of,
    reviews,
    shortest_way,
)
from pipelines.identity.overrides import override
from pipelines.identity.overrides import undo as undo_merge
from pipelines.ledger.export import export_state
from pipelines.ledger.tables import create_tables
from pipelines.orchestration.run_tags import tags_to_publish
from pipelines.settings import Settings

app = typer.Typer(help="Which source records are one customer, and why.", no_args_is_help=True)

Given = Annotated[str, typer.Argument(metavar="RECORD", help="system:number, or the first characters of an id.")]
Last = Annotated[int, typer.Option(min=1, help="How many at most.")]


@app.command(epilog="Example: [cyan]crmdw identity show branch:00001007[/cyan]")
def show(customer: Given) -> None:
    """Show a customer: its source records, the edges between them, and where each value came from. Personal data."""
    with _warehouse() as warehouse:
        found = find_record(warehouse, customer)
        records = records_of(warehouse, found.customer_id)
        edges = edges_of(warehouse, found.customer_id)
        golden = golden_record(warehouse, found.customer_id)
        happened = events(warehouse, found.customer_id)
    console.print(f"customer {found.customer_id}", soft_wrap=True)
    _print_table(
        f"source records: {len(records)}",
        ("record", "first delivered", "name", "birth date", "joined by"),
        [(one.name, one.first_delivery_date, one.full_name, one.birth_date, one.rule) for one in records],
    )
    if edges:
        _print_table(
            f"edges: {len(edges)}", ("record", "record", "evidence"), [(one.one, one.other, one.text) for one in edges]
        )
    if golden:
        _print_table("golden record", ("attribute", "value", "from record", "since"), golden)
    for event in happened:
        console.print(_told(event), soft_wrap=True, markup=False)


@app.command(epilog="Example: [cyan]crmdw identity why branch:00001007 telco:815[/cyan]")
def why(one: Given, other: Given) -> None:
    """Say why two records are one customer, edge by edge, or what speaks for and against it."""
    with _warehouse() as warehouse:
        first, second = find_record(warehouse, one), find_record(warehouse, other)
        way = shortest_way(edges_of(warehouse, first.customer_id), first, second)
        attributes = compared(warehouse, first, second)
        against = kept_apart(warehouse, first, second)
    if first.customer_id == second.customer_id:
        console.print(f"{first.name} and {second.name} are one customer, {first.customer_id}:", soft_wrap=True)
        for edge in way:
            console.print(f"  {edge.one} - {edge.other}: {edge.text}", soft_wrap=True, markup=False)
    else:
        console.print(f"{first.name} and {second.name} are two customers.", soft_wrap=True, markup=False)
        told = against or "no rule joins them, directly or through others, and what they share does not weigh enough"
        console.print(f"  {told}", soft_wrap=True, markup=False)
    for verdict in ("equal", "equal, but not at the same time", "different", "missing"):
        if names := [name for name, found in attributes if found == verdict]:
            console.print(f"  {verdict}: {', '.join(names)}", soft_wrap=True, markup=False)


@app.command("events", epilog="Example: [cyan]crmdw identity events --last 50[/cyan]")
def list_events(last: Last = 20) -> None:
    """List the last merges, splits and moves, the newest first."""
    with _warehouse() as warehouse:
        found = events(warehouse, last=last)
    for event in found:
        console.print(_told(event), soft_wrap=True, markup=False)
    if not found:
        console.print("No customer has merged, split or moved.")


@app.command(epilog="Example: [cyan]crmdw identity review[/cyan]")
def review(last: Last = 20) -> None:
    """List the pairs that were not joined although something speaks for it, and wait for a steward's word."""
    with _warehouse() as warehouse:
        found = reviews(warehouse, last)
    for one, other, rule, _, reason in found:
        console.print(f"{one} - {other}: {rule}, not followed: {reason}", soft_wrap=True, markup=False)
    console.print(
        "Decide with `crmdw identity always` or `never`." if found else "Nothing waits for a word.", soft_wrap=True
    )


@app.command(epilog="Example: [cyan]crmdw identity always branch:00001007 telco:815 --reason 'saw both cards'[/cyan]")
def always(one: Given, other: Given, reason: Reason, by: By = None, wait: Wait = 0) -> None:
    """Say that two records are one customer whatever the rules say; builds and publishes."""
    _override("always", one, other, reason, by, wait)


@app.command(epilog="Example: [cyan]crmdw identity never branch:00001007 telco:815 --reason 'father and son'[/cyan]")
def never(one: Given, other: Given, reason: Reason, by: By = None, wait: Wait = 0) -> None:
    """Say that two records are two customers whatever the rules say; builds and publishes."""
    _override("never", one, other, reason, by, wait)


@app.command(epilog="Example: [cyan]crmdw identity undo 17 --reason 'two sisters'[/cyan]")
def undo(
    event: Annotated[int, typer.Argument(help="The number of a merge, as `crmdw identity events` shows it.")],
    reason: Reason,
    by: By = None,
    wait: Wait = 0,
) -> None:
    """Undo a merge by saying never of its two customers; they get their ids, facts and history back."""
    with writing_command("identity undo", wait) as command:
        with _deciding(command) as warehouse:
            undo_merge(warehouse, event, command.author(by, reason))
        _publish(command, f"merge {event} is undone")


@app.command(epilog="Example: [cyan]crmdw identity train[/cyan]")
def train(wait: Wait = 0) -> None:
    """Learn what agreement is worth from the records at hand, freeze that as the model, and resolve everybody by it.

    No truth is needed. Until this is run once, the model that comes with the project is used.
    """
    from pipelines.identity.learning import train_model  # noqa: PLC0415

    with writing_command("identity train", wait) as command:
        require_loaded(command.settings)
        version, records = train_model(command.settings, command.now.astimezone(UTC).replace(tzinfo=None))
        console.print(f"Model {version} was learnt from {records:,} records.")
        _publish(command, f"identity by model {version}")


def _override(kind: str, one: str, other: str, reason: str, by: str | None, wait: float) -> None:

    with writing_command(f"identity {kind}", wait) as command:
        with _deciding(command) as warehouse:
            first, second = find_record(warehouse, one), find_record(warehouse, other)
            override(warehouse, kind, first, second, command.author(by, reason))
        _publish(command, f"{first.name} and {second.name}: {kind}")


def _publish(command: Writing, opening: str) -> None:

    command.run_job(tags_to_publish(command.now), opening, load=False)


@contextmanager
def _deciding(command: Writing) -> "Iterator[duckdb.DuckDBPyConnection]":
    """The warehouse, open for a decision that is copied out at once."""
    require_loaded(command.settings)
    with connected(command.settings, command.settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute(TABLES)
        yield warehouse
        export_state(warehouse, command.settings)


@contextmanager
def _warehouse() -> "Iterator[duckdb.DuckDBPyConnection]":
    """The warehouse, open for reading, where identity was resolved at least once."""
    settings = Settings.from_environment()
    require_loaded(settings)
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        if not has_table(warehouse, "identity", "resolved"):
            raise UsageError(f"{settings.warehouse}: identity was never resolved", "run `crmdw publish` first")
        yield warehouse


def _print_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(escape("-" if value is None else str(value)) for value in row))
    console.print(table)


def _told(event: Event) -> str:
    between = f", by {event.rule} between {event.one} and {event.other}" if event.rule else ""
    words = {
        "merge": "was merged into",
        "split": "came out of",
        "move": "got records of",
    }
    one, other = event.customer_id[:12], event.other_customer_id[:12]
    if event.kind == "merge":
        one, other = other, one
    when = f"{event.recorded_at:%Y-%m-%d %H:%M} UTC"
    return f"{when}  event {event.event_number}: {one} {words[event.kind]} {other}{between}"
