"""dbt's macros on so many rows that DuckDB sorts them in several threads, where rows that are equal have no order."""

from pathlib import Path

import duckdb
import jinja2

MACROS = Path(__file__).parents[2] / "dbt_project" / "macros"


def rendered(macro: str, call: str) -> str:
    return jinja2.Template(f"{(MACROS / f'{macro}.sql').read_text(encoding='utf-8')}{{{{ {call} }}}}").render()


def test_intervals_that_begin_together_are_merged_into_one():
    intervals = rendered("merged_intervals", "merged_intervals('members', ['door'])")
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table members as
            select
                i % 20000 as door,
                date '2024-01-01' + (i % 20000 % 7)::integer as valid_from,
                if(i % 5 = 0, null, date '2024-02-01' + (i % 3)::integer) as valid_to
            from range(60000) as numbers (i)
            """
        )
        spells, doors = connection.execute(f"select count(*), count(distinct door) from ({intervals})").fetchone()
    assert (spells, doors) == (20_000, 20_000)
