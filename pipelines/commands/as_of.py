"""`crmdw run --as-of`: what was published on an earlier day, made again in a file beside."""

from datetime import date
from pathlib import Path

from pipelines.archive.manifest import require_warehouse
from pipelines.commands.frame import Writing
from pipelines.commands.progress_display import ProgressDisplay, counted
from pipelines.commands.terminal import console, errors
from pipelines.replay.as_of import STEPS, check_target, find_edition, remake
from pipelines.sources.sources_file import load_sources_file


def run_as_of(command: Writing, day: date, out: Path) -> None:
    """Make again what was published on `day`, and say whether it is the same."""
    settings = command.settings
    sources_file = load_sources_file(settings.sources_file)
    require_warehouse(settings)
    check_target(settings, out)
    edition = find_edition(settings, sources_file.company, day)
    with ProgressDisplay(errors) as show:
        remade = remake(settings, sources_file, edition, out, counted(show, STEPS))
    if remade.erased:
        console.print(
            f"{remade.erased:,} persons were erased since: the file is without them, and their facts belong to nobody.",
            soft_wrap=True,
        )
    for feed, before in remade.pruned.items():
        console.print(f"{feed} was pruned: the file is without what was delivered before {before}.", soft_wrap=True)
    published = f"{edition.published_at:%Y-%m-%d %H:%M} UTC"
    console.print(f"{remade.path}  ({remade.tables} tables, as known when published at {published})", soft_wrap=True)
    if remade.content_hash == edition.content_hash:
        console.print(f"Its content is what was published then: content hash {remade.content_hash}", soft_wrap=True)
        return
    where = "in tables that cannot be named, because that file is no longer kept"
    if remade.differing is not None:
        where = f"in {', '.join(remade.differing)}"
    console.print(
        f"Its content differs from what was published then (hash {remade.content_hash}, then {edition.content_hash}), "
        f"{where}: mapping, rules or models have changed since"
        f"{', or persons were erased' if remade.erased else ''}{', or feeds pruned' if remade.pruned else ''}.",
        soft_wrap=True,
    )
