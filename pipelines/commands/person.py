"""`crmdw person`: what is held of one person, and who has asked for that; `crmdw prune`: what need not be held."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.commands.frame import By, Reason, Wait, require_loaded, writing_command
from pipelines.commands.terminal import console
from pipelines.connections import connected
from pipelines.errors import UsageError
from pipelines.home.lock import looking
from pipelines.ledger.accesses import accesses, is_kept, record_access
from pipelines.ledger.export import export_state
from pipelines.ledger.tables import create_tables
from pipelines.person.holdings import find_holdings
from pipelines.person.person import find_person, shared_values
from pipelines.privacy.document import person_document
from pipelines.settings import Settings
from pipelines.sources.sources_file import load_sources_file

app = typer.Typer(help="All that is held of one person, and who has looked at it.", no_args_is_help=True)

Customer = Annotated[str, typer.Argument(help="system:number, or the first characters of a customer's id.")]


@app.command(epilog="Example: [cyan]crmdw person show branch:00001007 --reason 'request 4711' --out 4711.json[/cyan]")
def show(
    customer: Customer,
    reason: Reason,
    out: Annotated[Path | None, typer.Option(help="The new file, which you alone may read; default: print it.")] = None,
    by: By = None,
    wait: Wait = 0,
) -> None:
    """Show all that is held of one person, as one JSON document. Personal data; each access is logged for good."""
    out = out.expanduser().resolve() if out else None
    if out and out.exists():
        raise UsageError(f"{out} is there already", "give the name of a new file with --out")
    with writing_command("person show", wait) as command:
        settings = command.settings
        author = command.author(by, reason)
        require_loaded(settings)
        sources_file = load_sources_file(settings.sources_file)
        with connected(settings, settings.warehouse) as warehouse:
            create_tables(warehouse)
            person = find_person(warehouse, customer)
            # Whatever becomes of the document, who asked for it is known.
            record_access(warehouse, person.customer_id, author, str(out) if out else None)
            export_state(warehouse, settings)
            shared_names = shared_values(warehouse, person, ["name"])["name"]
            holdings = find_holdings(warehouse, settings, sources_file, person, shared_names)
            document = person_document(warehouse, settings, person, holdings)
    text = json.dumps(
        {"asked_by": author.decided_by, "asked_at": f"{author.decided_at} UTC", "reason": author.reason} | document,
        ensure_ascii=False,
        indent=2,
    )
    if out is None:
        typer.echo(text)
        return
    _write_private(out, text)
    console.print(f"{out}: {_counted(document)}", soft_wrap=True, markup=False)


@app.command("log", epilog="Example: [cyan]crmdw person log --customer branch:00001007[/cyan]")
def list_accesses(
    customer: Annotated[str | None, typer.Option(help="Of one customer; default: of all.")] = None,
    last: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
) -> None:
    """List each access to what is held of a person: by which user, of which customer, when and why."""
    settings = Settings.from_environment()
    require_loaded(settings)
    with looking(settings), connected(settings, settings.warehouse, read_only=True) as warehouse:
        of = None
        if customer:
            person = find_person(warehouse, customer)
            of = [person.customer_id, *person.former_ids]
        found = accesses(warehouse, of, last) if is_kept(warehouse) else []
    for one in found:
        where = f", into {one.written_to}" if one.written_to else ""
        console.print(
            f"{one.accessed_at:%Y-%m-%d %H:%M} UTC  {one.accessed_by} looked at {one.customer_id[:12]}: "
            f"{one.reason}{where}",
            soft_wrap=True,
            markup=False,
        )
    if not found:
        console.print("Nobody has looked.")


def _write_private(out: Path, text: str) -> None:
    """Write a new file that nobody else may read, at no instant."""
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}", "give a file in a folder of yours") from error


def _counted(document: dict[str, Any]) -> str:
    rows = sum(len(feed["rows"]) for feed in document["sources"].values())
    published = sum(len(rows) for rows in document["published"].values())
    return f"{rows} source rows of {len(document['sources'])} feeds, {published} published rows"
