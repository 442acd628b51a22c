"""What the suites say of the gathered rows: which rows are held back and why, and which batches are refused.

Leaves `rules`, `failures`, `held` (rows to quarantine), `refusals` (batches) and their
`reasons` in the gate's file.
"""

import importlib
from pathlib import Path

from pipelines.archive import fill_records
from pipelines.connections import connected, insert_rows
from pipelines.contracts import Feed
from pipelines.gate.engine import judge
from pipelines.settings import Settings

# Why each refused batch was refused, for a person: how much is held back, and which rules by how many rows and where.
_REASONS = """
create table reasons as
with failing as (
    select
        batch_id,
        rule,
        count(*) as rows_failed,
        array_to_string(list_slice(list(row_number order by row_number), 1, 3), ', ') as first_rows,
    from failures
    where severity = 'critical'
    group by batch_id, rule
), told as (
    select
        batch_id,
        string_agg(
            'fails “' || rule || '” in ' || rows_failed || ' rows, first in row ' || first_rows,
            '; ' order by rows_failed desc, rule
        ) as causes,
    from failing
    group by batch_id
)
select
    batches.batch_id,
    coalesce(
        batches.fault,
        batches.rows_quarantined || ' of ' || batches.rows_read || ' rows are held back, and the contract tolerates '
        || ceil(batches.tolerance * batches.rows_read)::bigint || '; it ' || told.causes
        || '. Remedy: deliver it again with these rows mended; where rows fail alike, mend codec, format or columns of '
        || 'this source in the sources file, and run again'
    ) as reason,
from batches
left join told on batches.batch_id = told.batch_id
where batches.batch_id in (select batch_id from refusals)
"""


def judge_candidates(settings: Settings, gate_file: Path, feed: Feed) -> None:
    """Have the feed's suite judge the rows and the batch suite the batches; fills the tables named above.

    Raises GateBrokenError where either could not judge.
    """
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
        gate.execute(_REASONS)
        gate.execute(
            """
            insert into held
            select numbered.batch_id, numbered.row_number, 'the whole batch was refused', numbered.record
            from numbered
            anti join held on numbered.batch_id = held.batch_id and numbered.row_number = held.row_number
            where numbered.batch_id in (select batch_id from refusals) and not numbered.is_duplicate
            """
        )
        fill_records(gate, settings, feed.name, "held")
