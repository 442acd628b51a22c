"""`crmdw prune` on a whole home: facts leave with their raw rows, and nobody changes.

That a rebuild agrees is tried on the ledger and raw alone (`unit/retention/test_pruning.py`).
"""

from .homes import UNTESTED, CommandHome

TODAY = ("--today", "2024-02-01")
KEEP = """
from pipelines.contracts import feeds
for name in ("branch__transactions", "branch__contracts", "call_center__calls"):
    feeds()[name] = feeds()[name].model_copy(update={"quarantine_days": 20, "raw_days": 20, "archive_days": 20})
"""
KILLED = (
    "import os\nfrom pipelines.retention import pruning\npruning.remove_files = lambda *files: files and os._exit(9)\n"
)
IN_RAW = "select delivery_date::varchar, count(*) from raw.branch__transactions group by all order by all"
NOBODY_CHANGES = (
    "from core.dim_customer_current order by all",
    "select * exclude (valid_from, valid_to) from core.bridge_customer_source order by all",
    "from core.dim_contract order by all",
)


def test_old_facts_go_with_their_raw_rows_and_their_files_do_not_bring_them_back(copy: CommandHome) -> None:
    people = [copy.ask_published(query) for query in NOBODY_CHANGES]
    raw = copy.ask(IN_RAW)
    left = [(day, rows) for day, rows in raw if day >= "2024-01-12"]
    told = copy.succeed("prune", *TODAY, preamble=KEEP)
    gone = sum(rows for day, rows in raw if day < "2024-01-12")
    assert f"{gone:,} rows of branch__transactions in raw, delivered before 2024-01-12" in told
    assert "facts delivered before 2024-01-12 leave fct_transaction and the marts with the next run" in told
    assert "Nothing was removed" in told
    assert copy.ask("select sum(rows_pruned) from ledger.pruned_batches") == [(None,)]

    assert copy.crmdw("prune", "--apply", *TODAY, preamble=KEEP + KILLED).returncode == 9
    assert "archived files that a pruning was stopped at" in copy.succeed("prune", "--apply", *TODAY, preamble=KEEP)
    assert "Nothing is kept longer than it needs to be" in copy.succeed("prune", *TODAY, preamble=KEEP)
    assert copy.ask(IN_RAW) == left

    (copy.inbox_file("branch/transactions_20240103.csv")).touch()
    copy.succeed("run", *TODAY, preamble=UNTESTED)
    assert copy.ask(IN_RAW) == left
    facts = sum(rows for _, rows in left)
    assert copy.ask_published("select count(*) from core.fct_transaction") == [(facts,)]
    trust = (
        "select rows_loaded_count + rows_fixed_count, rows_pruned_count, pruned_before_date::varchar, is_conserved "
        "from marts.mart_data_trust where feed = 'branch__transactions'"
    )
    assert copy.ask_published(trust) == [(facts + gone, gone, "2024-01-12", True)]
    assert [copy.ask_published(query) for query in NOBODY_CHANGES] == people

    done = copy.crmdw("backfill", "--from", "2024-01-11", "--to", "2024-01-31", *TODAY)
    assert done.returncode == 2
    assert "give 2024-01-12 or a later day, or another feed" in done.stderr
