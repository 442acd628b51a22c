"""What the suites say of the gathered rows: which rows are held back and why, and which batches are refused.

Leaves `rules`, `failures`, `held` (rows to quarantine, with reasons) and `refusals` (batches) in the gate's file.
"""

import importlib
from pathlib import Path

from pipelines.archive import fill_records
from pipelines.connections import connected, insert_rows
from pipelines.contracts import Feed
from pipelines.gate.engine import judge
from pipelines.settings import Settings


def judge_candidates(settings: Settings, gate_file: Path, feed: Feed) -> None:
    """Fill `failures` (batch_id, row_number, rule, severity) and `held` (the rows to quarantine, with reasons)."""
    suite = importlib.import_module(f"expectations.{feed.name}").SUITE
    # Nothing else has the file open while Great Expectations reads it through its own connection.
    judgements = judge(gate_file, "gate_rows", suite)
    with connected(settings, gate_file) as gate:
        gate.execute("create table rules (rule varchar, severity varchar)")
        insert_rows(
            gate,
            "insert into rules from rows",
            ("rule", "severity"),
            [(judgement.rule, judgement.severity) for judgement in judgements],
        )
        gate.execute(
            "create table failures as select batch_id, row_number, 'unparsable line: ' || unparsed as rule, "
            "'critical' as severity from numbered where unparsed is not null"
        )
        for judgement in judgements:
            if judgement.failing_rows:
                gate.execute(
                    "insert into failures select batch_id, row_number, ?, ? "
                    f"from ({judgement.failing_rows}) as failing",
                    [judgement.rule, judgement.severity],
                )
        gate.execute(
            """
            create table held as
            select
                failures.batch_id,
                failures.row_number,
                string_agg(
                    failures.rule || case when failures.rule = 'every value has its type'
                        then ' (' || numbered.unreadable_columns || ')' else '' end,
                    '; ' order by failures.rule
                ) as reasons,
                any_value(numbered.record) as record,
            from failures
            inner join numbered
                on failures.batch_id = numbered.batch_id and failures.row_number = numbered.row_number
            where failures.severity = 'critical'
            group by failures.batch_id, failures.row_number;
            update batches set rows_quarantined = counted.rows_quarantined
            from (select batch_id, count(*) as rows_quarantined from held group by batch_id) as counted
            where batches.batch_id = counted.batch_id;
            """
        )
        fill_records(gate, settings, feed.name, "held")
    batch_suite = importlib.import_module("expectations.batches").SUITE
    batch_judgements = judge(gate_file, "batches", batch_suite)
    with connected(settings, gate_file) as gate:
        gate.execute("create table refusals (batch_id varchar, rule varchar)")
        for judgement in batch_judgements:
            gate.execute("insert into rules values (?, ?)", [judgement.rule, judgement.severity])
            if judgement.failing_rows:
                gate.execute(
                    f"insert into refusals select batch_id, ? from ({judgement.failing_rows}) as failing",
                    [judgement.rule],
                )
