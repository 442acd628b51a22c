"""Learning the probabilistic model from the records alone, by Splink; the result is frozen (`model.py`).

What strangers share is counted over records drawn at random; what records of one customer share is learnt by
expectation maximisation within blocks. No truth is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import fmean
from typing import Any

import duckdb
import pyarrow as pa
from splink import DuckDBAPI, Linker, SettingsCreator

from pipelines.identity.comparable import drop_comparable, make_comparable, number_records
from pipelines.identity.comparisons import COMPARISONS, Comparison, Level
from pipelines.identity.edges import EDGE_COLUMNS, insert_edges
from pipelines.identity.model import DEFAULT, Model

FEWEST_RECORDS = 500
"""Below this many, what records share by chance looks like what they share because they are one customer's."""

FEWEST_PAIRS = 200
"""Below this many pairs in a block, nothing is learnt from it."""

STRANGERS = 1_000
"""Records drawn at random, of which every pair is compared: half a million pairs."""

MOST_PAIRS = 200_000
FULLEST_BLOCK = 150
PRIOR_RECORDS = 100_000
FREQUENT_NAMES = 20_000

LEAST_CHANCE = 0.001
"""Of a level among records of one customer: never seen is not impossible, and no single value shall decide."""

LEAST_SHARED = 1 / STRANGERS**2
"""Chance of a level among strangers that no pair of the sample reached."""

DIGITS = 5
"""Of a probability that are kept: the later ones of a sum of doubles differ between runs."""

# Pairs that agree on one of these are partly one customer's, partly not; the rest of their values tells them apart.
# Each teaches the comparisons that do not read its columns.
BLOCKS = (
    ("full_name", "birth_digits"),
    ("full_name",),
    ("birth_digits",),
    ("phones[1]",),
    ("email",),
)

# By comparison and level.
Chances = dict[tuple[str, str], float]


def train(connection: duckdb.DuckDBPyConnection, records: str, phones: str) -> Model:
    """The model of these records, the same for the same records; of fewer than FEWEST_RECORDS the default model."""
    number_records(connection, records, phones, None)
    make_comparable(connection)
    _add_phones(connection)
    count = _count(connection, "select count(*) from comparable")
    if count < FEWEST_RECORDS:
        drop_comparable(connection)
        return DEFAULT
    with _quiet_splink():
        strangers = _strangers(connection)
        sessions = [chances for block in BLOCKS if (chances := _session(connection, block, strangers))]
    names, comparisons = _names(connection), _comparisons(strangers, sessions)
    drop_comparable(connection)
    first = Model.of(
        {"comparisons": comparisons, **_frequencies(names, count, 1 / count), "prior": _rounded(1 / count)}
    )
    prior = _prior(connection, first, records, phones, count)
    return Model.of(
        {
            "comparisons": _between_strangers(comparisons, prior),
            **_frequencies(names, count, prior),
            "prior": prior,
        }
    )


def _add_phones(connection: duckdb.DuckDBPyConnection) -> None:
    """Give `comparable` the lists of telephone numbers that Splink compares."""
    connection.execute("""
        create or replace temp table comparable as
        select comparable.*, numbers.phones
        from comparable
        left join (
            select record_id, list_sort(list(distinct phone)) as phones from dated_phones group by record_id
        ) as numbers on comparable.record_id = numbers.record_id
    """)


def _strangers(connection: duckdb.DuckDBPyConnection) -> Chances:
    """What two records drawn at random share, `u`; of one's own they are too few to matter."""
    sample = connection.sql(f"from comparable order by md5(record_id), record_id limit {STRANGERS}").to_arrow_table()
    linker = _linker(sample)
    linker.training.estimate_u_using_random_sampling(float(STRANGERS) ** 2, min_count_per_level=None, num_chunks=1)
    return {key: max(u, LEAST_SHARED) for key, u in _chances(linker, "u_probability").items()}


def _session(connection: duckdb.DuckDBPyConnection, block: tuple[str, ...], strangers: Chances) -> Chances:
    """What two records of one customer share, `m`, as far as a block teaches it; empty where it has too few pairs."""
    listed = ", ".join(block)
    same_block = " and ".join(f"comparable.{column} = some_blocks.{_word(column)}" for column in block)
    chosen = ", ".join(f"{column} as {_word(column)}" for column in block)
    connection.execute(f"""
        create or replace temp table blocked as
        with

        blocks as (
            select {chosen}, count(*) as records, md5(concat_ws('|', {listed})) as drawn
            from comparable
            where {" and ".join(f"{column} is not null" for column in block)}
            group by {listed}
            having count(*) between 2 and {FULLEST_BLOCK}
        ),

        some_blocks as (
            select * from blocks
            qualify sum(records * (records - 1) / 2) over (order by drawn rows unbounded preceding) <= {MOST_PAIRS}
        )

        select comparable.*
        from comparable
        inner join some_blocks on {same_block}
        order by record_id
    """)
    pairs = _count(
        connection, f"select sum(n * (n - 1) / 2) from (select count(*) as n from blocked group by {listed})"
    )
    sample = connection.sql("from blocked").to_arrow_table()
    connection.execute("drop table blocked")
    if pairs < FEWEST_PAIRS:
        return {}
    linker = _linker(sample, strangers)
    linker.training.estimate_parameters_using_expectation_maximisation(
        " and ".join(f"l.{column} = r.{column}" for column in block), estimate_without_term_frequencies=True
    )
    return _chances(linker, "m_probability")


def _word(column: str) -> str:
    return column.partition("[")[0]


def _linker(sample: pa.Table, strangers: Chances | None = None) -> Linker:
    """Splink over `sample`, in a database of its own."""
    comparisons: list[Any] = [
        {
            "output_column_name": comparison.name,
            "comparison_levels": [
                {"sql_condition": comparison.missing, "is_null_level": True},
                *(_level(comparison, level, strangers) for level in comparison.levels),
            ],
        }
        for comparison in COMPARISONS
    ]
    # On one thread: sums of doubles come out the same.
    database = DuckDBAPI(duckdb.connect(config={"threads": 1}))
    settings = SettingsCreator(link_type="dedupe_only", unique_id_column_name="record_id", comparisons=comparisons)
    return Linker(database.register(sample), settings, log_level=logging.ERROR)


def _level(comparison: Comparison, level: Level, strangers: Chances | None) -> dict[str, Any]:
    described: dict[str, Any] = {"sql_condition": level.condition, "label_for_charts": level.name}
    if strangers:
        described["u_probability"] = strangers.get((comparison.name, level.name), LEAST_SHARED)
    return described


def _chances(linker: Linker, kind: str) -> Chances:
    """The chances of `kind` that Splink has learnt."""
    return {
        (comparison["output_column_name"], level["label_for_charts"]): level[kind]
        for comparison in linker.misc.save_model_to_json()["comparisons"]
        for level in comparison["comparison_levels"]
        if kind in level
    }


def _comparisons(strangers: Chances, sessions: list[Chances]) -> list[dict[str, Any]]:
    """The levels with their chances; of a comparison that nothing taught, those of the default model."""
    found = []
    for comparison, default in zip(COMPARISONS, DEFAULT.parameters["comparisons"], strict=True):
        names = [(comparison.name, level.name) for level in comparison.levels]
        taught = [session for session in sessions if any(name in session for name in names)]
        m = [fmean(session.get(name, 0.0) for session in taught) if taught else 0.0 for name in names]
        u = [strangers.get(name, 0.0) for name in names]
        if not taught or not any(u):
            found.append(default)
            continue
        found.append(
            {
                **default,
                "levels": [
                    {
                        "name": level.name,
                        "condition": level.condition,
                        "is_personal": level.is_personal,
                        "m": _rounded(mine),
                        "u": _rounded(other),
                    }
                    for level, mine, other in zip(
                        comparison.levels, _shares(m, LEAST_CHANCE), _shares(u, LEAST_SHARED), strict=True
                    )
                ],
            }
        )
    return found


def _between_strangers(comparisons: list[dict[str, Any]], prior: float) -> list[dict[str, Any]]:
    """`comparisons` with `u` of strangers only: of the pairs drawn at random, the share `prior` are one customer's."""
    found = []
    for comparison in comparisons:
        mixed = [level["u"] - prior * level["m"] for level in comparison["levels"]]
        levels = [
            {**level, "u": _rounded(u)}
            for level, u in zip(comparison["levels"], _shares(mixed, LEAST_SHARED), strict=True)
        ]
        found.append({**comparison, "levels": levels})
    return found


def _shares(chances: list[float], least: float) -> list[float]:
    """`chances` that add up to 1, none below about `least`."""
    raised = [max(chance, least) for chance in chances]
    return [chance / sum(raised) for chance in raised]


def _names(connection: duckdb.DuckDBPyConnection) -> tuple[list[tuple[str, int]], float]:
    """The frequent names with their records, and how many records any other name has."""
    counted = connection.execute("""
        select full_name, count(*) as records
        from comparable
        where full_name is not null
        group by full_name
        order by records desc, full_name
    """).fetchall()
    frequent, others = counted[:FREQUENT_NAMES], counted[FREQUENT_NAMES:]
    return frequent, fmean(records for _, records in others) if others else 1.0


def _frequencies(names: tuple[list[tuple[str, int]], float], count: int, prior: float) -> dict[str, Any]:
    """How many of `count` records of other customers have a name, as a share.

    A record's own customer brings 1 + count * prior of the records that have its name.
    """
    frequent, others = names
    own = 1 + count * prior
    return {
        "names": {name: _rounded(max(records - own, 1.0) / count) for name, records in frequent},
        "rare_name": _rounded(max(others - own, 1.0) / count),
    }


def _prior(connection: duckdb.DuckDBPyConnection, model: Model, records: str, phones: str, count: int) -> float:
    """The share of all pairs that are one customer's, by the pairs that a first model finds among some of the names."""
    share = min(1.0, PRIOR_RECORDS / count)
    connection.execute(
        f"""
        create or replace temp table some_records as
        select * from {records} where coalesce(('0x' || md5(full_name)[1:8])::bigint < ? * 4294967296, ? = 1)
        """,
        [share, share],
    )
    connection.execute(f"create or replace temp table first_edges ({EDGE_COLUMNS})")
    insert_edges(connection, "first_edges", model, "some_records", phones, None)
    found = _count(connection, "select count(*) from first_edges")
    connection.execute("drop table first_edges")
    connection.execute("drop table some_records")
    return _rounded(max(found, 1) / share / (count * (count - 1) / 2))


def _rounded(chance: float) -> float:
    return float(f"{chance:.{DIGITS}g}")


def _count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    (count,) = connection.execute(query).fetchone() or (0,)
    return int(count or 0)


@contextmanager
def _quiet_splink() -> Iterator[None]:
    """Splink tells each step; what it learnt is in the model."""
    logger = logging.getLogger("splink")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
