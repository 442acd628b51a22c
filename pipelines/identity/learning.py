"""Has the model learnt from the records of the warehouse, and keeps it in the ledger.

How it is learnt is `training.py`, which imports Splink; only the command that trains imports this.
"""

from datetime import datetime

from pipelines.connections import connected, reading
from pipelines.identity import changes
from pipelines.identity.training import train
from pipelines.ledger.export import export_state
from pipelines.ledger.tables import create_tables
from pipelines.normalisers import create_normalising_macros
from pipelines.person.records import gather_records
from pipelines.settings import Settings


def train_model(settings: Settings, now: datetime) -> tuple[str, int]:
    """Train on all records that are loaded, and append the model to the ledger; its version, and how many records.

    It is in force from the next resolution on. `now` is in UTC, without a zone.
    """
    with connected(settings, settings.warehouse) as warehouse:
        create_tables(warehouse)
        warehouse.execute(changes.TABLES)
    with connected(settings, None) as work:
        create_normalising_macros(work)
        with reading(work, settings):
            gather_records(work, f"warehouse.raw.{changes.FEED}", "records", "phones", None)
        (records,) = work.execute("select count(*) from records").fetchone() or (0,)
        model = train(work, "records", "phones")
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(
            "insert into state.identity_models (model_number, version, settings, trained_at, trained_records) "
            "select coalesce(max(model_number), 0) + 1, ?, ?, ?, ? from state.identity_models",
            [model.version, model.settings, now, records],
        )
        export_state(warehouse, settings)
    return model.version, records
