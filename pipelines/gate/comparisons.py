"""What each batch is compared with: the feed's earlier deliveries, and the rows that its keys refer to.

Leaves `judged_batches` in the gate: `batches` and, beside them, what the rules over batches compare. The
warehouse is read for a moment and closed before anything is judged. Only deliveries of an earlier day are history, and
only rows delivered no later can be referred to, so that N daily runs see what one run over all sees.
"""

import duckdb

from pipelines.connections import identifier, reading
from pipelines.contracts import Column, Feed, feeds
from pipelines.settings import Settings

# The expected size is the median of the last 8 deliveries of the same kind of day: workdays, Saturdays, Sundays. The
# largest is that of the last 31, because once a month is a rhythm too. The default figures raise a false alarm on 1.5 %
# of the simulated days (66 rows each), and on 0.6 % of the Complete Journey's (3,900); they notice 72 % and 91 % of the
# days when these are cut in half, and every empty day.
EARLIER_DELIVERIES = 8
LEAST_EARLIER_DELIVERIES = 4
LARGEST_OF_DELIVERIES = 31
# Of a size that is counted, three standard deviations are three times its root: fewer rows than 9 say nothing.
SMALLEST_SIZE = 9

_JUDGED_BATCHES = """
create table judged_batches as
with known as (
    select source_system, delivery_date, part, reading_hash, rows_read, source_columns
    from warehouse.ledger.loads
    where is_current and feed = $feed and fault is null
    -- Beside a refused correction stands the good delivery that it would have replaced.
    qualify row_number() over (
        partition by source_system, delivery_date, part order by verdict, load_number desc
    ) = 1
), deliveries as (
    select source_system, delivery_date, part, reading_hash, rows_read, source_columns from batches where fault is null
    union all
    select known.*
    from known
    anti join batches using (source_system, delivery_date, part)
), sized as (
    select
        *,
        count(*) over alike as earlier_deliveries,
        median(rows_read) over alike as median_rows,
        count(*) over recent as recent_deliveries,
        greatest(max(rows_read) over recent, $smallest) as largest_rows,
    from (
        select *, if($by_weekday and isodow(delivery_date) > 5, isodow(delivery_date), 1) as kind_of_day from deliveries
    )
    window
        alike as (
            partition by source_system, part, kind_of_day order by delivery_date
            rows between $earlier preceding and 1 preceding
        ),
        recent as (
            partition by source_system, part order by delivery_date rows between $recent preceding and 1 preceding
        )
), with_columns as (
    select source_system, reading_hash, delivery_date, arg_max(source_columns, part) as source_columns
    from deliveries
    where source_columns is not null
    group by all
), compared as (
    select
        batches.*,
        if(sized.earlier_deliveries >= $least_earlier, sized.median_rows, null) as expected_rows,
        least($least_share * expected_rows, expected_rows - 3 * sqrt(expected_rows)) as least_rows,
        if(least_rows > 0, ceil(least_rows)::bigint, null) as fewest_rows,
        if(sized.recent_deliveries >= $recent, floor($most_times * sized.largest_rows)::bigint, null) as most_rows,
        last.delivery_date as columns_date,
        string_split(last.source_columns, ', ') as earlier_columns,
        string_split(batches.source_columns, ', ') as own_columns,
    from batches
    left join sized using (source_system, delivery_date, part)
    asof left join with_columns as last
        on batches.source_system = last.source_system
        and batches.reading_hash = last.reading_hash
        and batches.delivery_date > last.delivery_date
), changed as (
    select
        *,
        -- A column of another type is gone and new.
        list_filter(own_columns, lambda c: not list_contains(earlier_columns, c)) as new_columns,
        list_filter(earlier_columns, lambda c: not list_contains(own_columns, c)) as gone_columns,
    from compared
)
select
    * exclude (least_rows, earlier_columns, own_columns, new_columns, gone_columns),
    nullif(
        concat_ws(
            '; ',
            'new: ' || nullif(array_to_string(new_columns, ', '), ''),
            'gone: ' || nullif(array_to_string(gone_columns, ', '), ''),
            if(
                list_sort(own_columns) = list_sort(earlier_columns) and own_columns <> earlier_columns,
                'in another order',
                null
            )
        ),
        ''
    ) as changed_columns,
    (
        select string_agg(column_name || ': ' || hits || ' values', ', ' order by column_name)
        from sensitive_hits
        where sensitive_hits.batch_id = changed.batch_id and hits > 0
    ) as sensitive_columns,
from changed
"""


def compare_batches(gate: duckdb.DuckDBPyConnection, settings: Settings, feed: Feed) -> None:
    """Make `judged_batches` from `batches`, `gate_rows` and `held`, and from the warehouse as it is."""
    with reading(gate, settings):
        gate.execute(
            _JUDGED_BATCHES,
            {
                "feed": feed.name,
                "by_weekday": feed.delivery.cadence in ("daily", "weekdays"),
                "smallest": SMALLEST_SIZE,
                "earlier": EARLIER_DELIVERIES,
                "least_earlier": LEAST_EARLIER_DELIVERIES,
                "recent": LARGEST_OF_DELIVERIES,
                "least_share": feed.volume.least_share,
                "most_times": feed.volume.most_times,
            },
        )
        columns = [column for column in feed.columns if column.references]
        if columns:
            _count_references(gate, columns)
        for column in columns:
            _count_missing_references(gate, feed, column)


def referring(column: Column) -> str:
    """The column of `judged_batches` that counts the batch's rows with a key in `column`."""
    return identifier(f"rows with {column.name}")


def missing(column: Column) -> str:
    """The column of `judged_batches` that counts those of them whose key is in no delivery of the referred feed."""
    return identifier(f"rows with missing {column.name}")


def _count_references(gate: duckdb.DuckDBPyConnection, columns: list[Column]) -> None:
    for column in columns:
        gate.execute(f"alter table judged_batches add column {referring(column)} bigint default 0")
        gate.execute(f"alter table judged_batches add column {missing(column)} bigint default 0")
    values = ", ".join(f"{referring(column)} = counted.{identifier(column.name)}" for column in columns)
    counts = ", ".join(f"count({identifier(column.name)}) as {identifier(column.name)}" for column in columns)
    gate.execute(
        f"update judged_batches set {values} "
        f"from (select batch_id, {counts} from gate_rows group by batch_id) as counted "
        "where judged_batches.batch_id = counted.batch_id"
    )


def _count_missing_references(gate: duckdb.DuckDBPyConnection, feed: Feed, column: Column) -> None:
    """Count the keys that no delivery of the referred feed held by then; none before its first delivery of all."""
    assert column.references and column.companion
    referred = feeds()[column.references]
    key, own_key, own_system = (identifier(name) for name in (referred.key[0], column.name, column.companion))
    delivered = f"select source_system, {key} as key, delivery_date from warehouse.raw.{identifier(referred.name)}"
    if referred.name == feed.name:
        delivered += (
            f" union all select source_system, {key}, delivery_date from gate_rows "
            "anti join held on gate_rows.batch_id = held.batch_id and gate_rows.row_number = held.row_number"
        )
    gate.execute(
        f"""
        update judged_batches set {missing(column)} = counted.rows_missing
        from (
            select gate_rows.batch_id, count(*) as rows_missing
            from gate_rows
            left join (
                select source_system, key, min(delivery_date) as first_date
                from ({delivered}) as delivered
                where key in (select {own_key} from gate_rows)
                group by all
            ) as known
                on gate_rows.{own_system} = known.source_system and gate_rows.{own_key} = known.key
            where
                gate_rows.{own_key} is not null
                and gate_rows.delivery_date < coalesce(known.first_date, 'infinity'::date)
                and gate_rows.delivery_date >= (select min(delivery_date) from ({delivered}) as delivered)
            group by gate_rows.batch_id
        ) as counted
        where judged_batches.batch_id = counted.batch_id
        """
    )
