"""What the suites say of the gathered rows: which rows are held back and why, and which batches are refused.

Leaves `rules` and `failures` (of rows), `held` (rows to quarantine), `batch_results`, `refusals` (batches) and their
`reasons` in the gate.
"""

import importlib

import duckdb

from pipelines.archive.batches import fill_records
from pipelines.connections import insert_rows
from pipelines.contracts import Feed
from pipelines.gate.comparisons import compare_batches
from pipelines.gate.engine import Judgement, judge
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
        -- The lines of a garbled file can be wrong in as many ways as there are lines.
        string_agg(
            'fails “' || rule || '” in ' || rows_failed || ' rows, first in row ' || first_rows,
            '; ' order by rows_failed desc, rule
        ) filter (place <= 8)
        || if(count(*) > 8, '; and ' || count(*) - 8 || ' more rules', '') as causes,
    from (
        from failing
        select *, row_number() over (partition by batch_id order by rows_failed desc, rule) as place
    )
    group by batch_id
)
select
    batch_id,
    coalesce(any_value(batches.fault), string_agg(
        case
            when refusals.rule = 'no more rows are held back than the contract tolerates' then
                batches.rows_quarantined || ' of ' || batches.rows_read || ' rows are held back, and the contract '
                || 'tolerates ' || replace(refusals.limit_value, ' rows', '') || '; it ' || told.causes
                || '. Remedy: deliver it again with these rows mended; where rows fail alike, mend codec, format or '
                || 'columns of this source in the sources file, and run again'
            else
                'fails “' || refusals.rule || '”: ' || refusals.observed || ', and the contract wants '
                || refusals.limit_value || '. Remedy: deliver it again, whole; where it is whole, mend that rule of '
                || 'the contract, and run again'
        end,
        '; ' order by refusals.rule
    )) as reason,
from refusals
inner join batches using (batch_id)
left join told using (batch_id)
group by batch_id
"""


def judge_rows(settings: Settings, gate: duckdb.DuckDBPyConnection, feed: Feed) -> None:
    """Have the feed's suite judge the rows and the batch suite the batches; fills the tables named above.

    Raises GateBrokenError where either could not judge.
    """
    rows_suite = importlib.import_module(f"expectations.{feed.name}").SUITE
    _hold_rows(gate, judge(gate, "gate_rows", rows_suite))
    compare_batches(gate, settings, feed)
    batches_suite = importlib.import_module("expectations.batches").suite(feed)
    _refuse_batches(gate, judge(gate, "judged_batches", batches_suite))
    fill_records(gate, settings, feed.name, "held")


def _hold_rows(gate: duckdb.DuckDBPyConnection, judgements: list[Judgement]) -> None:
    gate.execute("create table rules (rule varchar, severity varchar)")
    insert_rows(
        gate,
        "insert into rules from rows",
        ("rule", "severity"),
        [(judgement.rule, judgement.severity) for judgement in judgements],
    )
    gate.execute(
        "create table failures as select batch_id, row_number, 'unparsable line: ' || unparsed as rule, "
        "'critical' as severity from numbered where unparsed is not null and decision is distinct from 'discard'"
    )
    for judgement in judgements:
        if judgement.failing_rows:
            gate.execute(
                f"insert into failures select batch_id, row_number, ?, ? from ({judgement.failing_rows}) as failing",
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
        update batches set rows_unparsed = counted.rows_unparsed
        from (
            select batch_id, count(*) as rows_unparsed
            from numbered
            where unparsed is not null and decision is distinct from 'discard'
            group by batch_id
        ) as counted
        where batches.batch_id = counted.batch_id;
        """
    )


def _refuse_batches(gate: duckdb.DuckDBPyConnection, judgements: list[Judgement]) -> None:
    gate.execute(
        "create table batch_results (batch_id varchar, rule varchar, severity varchar, is_failed boolean, "
        "observed varchar, limit_value varchar)"
    )
    for judgement in judgements:
        failing = judgement.failing_rows or "select null as batch_id"
        gate.execute(
            "insert into batch_results "
            f"select batch_id, ?, ?, coalesce(batch_id in (select batch_id from ({failing}) as failing), false), "
            f"{judgement.observed}, {judgement.limit} from judged_batches",
            [judgement.rule, judgement.severity],
        )
    gate.execute(
        "create table refusals as "
        "select batch_id, rule, observed, limit_value from batch_results where is_failed and severity = 'critical'"
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
