"""From pairs to edges: which two records are one, by which rule, in three tiers.

An edge says nothing about a third record; what follows from all edges together is `clusters.py`.
"""

from collections.abc import Iterable
from typing import Any, cast

import duckdb

from pipelines.connections import literal
from pipelines.identity.comparable import drop_comparable, number_records
from pipelines.identity.comparisons import PHONES_AGREE
from pipelines.identity.model import Model, level_weights, prior_weight
from pipelines.identity.pairs import find_pairs
from pipelines.identity.rules import PROBABILISTIC, RULES, TRUSTED_KEY, WEIGHED

THRESHOLD = 4.5
"""Weight (logarithm of the odds, prior included) from which the third tier links: odds of 23 to 1.

Chosen with RELATIVES on simulated registrations of seed 901: precision .9969 and .9967, recall .9866 and .9825 of
20,000 and 100,000 people; at 4 precision is .9963 and .9956.
"""

RELATIVES = 2.0
"""Weight taken off where only a name that is alike and what a household shares speak for a pair.

Korean brothers and sisters share a syllable of their given names by custom, so that their names differ no more than
by a misspelling. Their family names have at most two letters.
"""

_SHORT_NAME = 2

EDGE_COLUMNS = "record_a varchar, record_b varchar, rule varchar, tier integer, weight double, model_version varchar"

# Two trusted keys of one kind that differ are two customers, whatever else agrees; kinds have lengths of their own.
_NOT_CONTRADICTED = """
    coalesce(not (person_key_l <> person_key_r and length(person_key_l) = length(person_key_r)), true)
    and coalesce(not (source_system_l = source_system_r and site_key_l <> site_key_r), true)
"""

LAST_COMPARED = "address"
"""The dearest comparison is made last, of the few pairs that can still be linked."""

# Of telephone numbers only whether there are any: that two records had one at the same time, the met pair knows.
_PERSON = (
    "party_type",
    "source_system",
    "person_key",
    "site_key",
    "full_name",
    "letters",
    "family_name",
    "given_name",
    "birth_digits",
    "sex",
    "email",
)
_PLACE = ("region_code", "town", "street", "house_number", "building", "has_unit")


def find_edges(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    records: str,
    phones: str,
    new: str | None,
    threshold: float = THRESHOLD,
) -> None:
    """Create the table `found_edges` of all pairs of a new record with a known or another new one that are one.

    `records` and `phones` are tables of all records, `new` one of the new ones' record_id; None: all are new. A pair
    appears once, under its surest rule.
    """
    connection.execute(f"create or replace table found_edges ({EDGE_COLUMNS})")
    insert_edges(connection, "found_edges", model, records, phones, new, threshold)


def insert_edges(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    model: Model,
    records: str,
    phones: str,
    new: str | None,
    threshold: float = THRESHOLD,
) -> None:
    """What `find_edges` does, into the existing table `table`."""
    if new and not connection.execute(f"from {new} limit 1").fetchone():
        return
    parameters = model.parameters
    number_records(connection, records, phones, new)
    find_pairs(connection, is_everybody_new=new is None)
    _tell_name_frequencies(connection, parameters)
    connection.execute(
        f"create or replace temp table within_reach as {_within_reach_sql(parameters)}", {"threshold": threshold}
    )
    connection.execute("drop table met_pairs")
    connection.execute(
        f"insert into {table} {_edges_sql(parameters)}", {"threshold": threshold, "model_version": model.version}
    )
    drop_comparable(connection)
    connection.execute("drop table within_reach")
    connection.execute("drop table name_frequencies")


def _tell_name_frequencies(connection: duckdb.DuckDBPyConnection, parameters: dict[str, Any]) -> None:
    connection.execute(
        """
        create or replace temp table name_frequencies as
        select unnest($names::varchar[]) as full_name, unnest($frequencies::double[]) as frequency
        """,
        {"names": list(parameters["names"]), "frequencies": list(parameters["names"].values())},
    )


def _within_reach_sql(parameters: dict[str, Any]) -> str:
    """The met pairs that can be linked if they agree best in what is compared last: their levels but for that one."""
    last = _last_compared(parameters)
    first = [comparison for comparison in parameters["comparisons"] if comparison is not last]
    levels = [f"{comparison['name']}_level" for comparison in first]
    best = max(0, *level_weights(last))
    rules = " or ".join(f"coalesce({rule.sql(before=LAST_COMPARED)}, false)" for rule in RULES)
    return f"""
        with

        pairs as (
            select
                met_pairs.*,
                {_of_both(_PERSON)},
                nullif(a.has_phone, false) as phones_l,
                nullif(b.has_phone, false) as phones_r
            from met_pairs
            inner join comparable as a on met_pairs.position_a = a.position
            inner join comparable as b on met_pairs.position_b = b.position
        ),

        levelled as (
            select *, {", ".join(map(_level_sql, first))} from pairs
        ),

        -- A condition that needs no frequency would be pushed below this join, and the levels be worked out twice.
        told as (
            select levelled.*, name_frequencies.frequency
            from levelled
            left join name_frequencies
                on case when levelled.name_level = 0 then levelled.full_name_l end = name_frequencies.full_name
        )

        select position_a, position_b, frequency, {", ".join(levels)}
        from told
        where case
            when party_type_l = party_type_r and {_weight_sql(parameters, f"{best}")} >= $threshold then true
            else {rules}
        end
    """


def _edges_sql(parameters: dict[str, Any]) -> str:
    rules = "\n".join(f"when {rule.sql()} then {number}" for number, rule in enumerate(RULES))
    names = ", ".join(literal(rule.name) for rule in RULES)
    tiers = ", ".join(str(rule.tier) for rule in RULES)
    trusted = ", ".join(str(number) for number, rule in enumerate(RULES) if rule.tier == TRUSTED_KEY)
    return f"""
        with

        pairs as (
            select
                within_reach.*,
                a.record_id as record_id_l,
                b.record_id as record_id_r,
                {_of_both((*_PERSON, *_PLACE))}
            from within_reach
            inner join comparable as a on within_reach.position_a = a.position
            inner join comparable as b on within_reach.position_b = b.position
        ),

        levelled as (
            select *, {_level_sql(_last_compared(parameters))} from pairs
        ),

        weighed as (
            select *, {_weight_sql(parameters)} as weight from levelled
        ),

        -- Materialized, or the levels would be worked out a second time for the condition.
        ruled as materialized (
            select
                record_id_l,
                record_id_r,
                weight,
                case {rules} end as rule_number,
                party_type_l = party_type_r as is_same_kind,
                {_NOT_CONTRADICTED} as is_not_contradicted
            from weighed
        )

        select
            least(record_id_l, record_id_r) as record_a,
            greatest(record_id_l, record_id_r) as record_b,
            coalesce([{names}][rule_number + 1], {literal(WEIGHED)}) as rule,
            coalesce([{tiers}][rule_number + 1], {PROBABILISTIC}) as tier,
            case when rule_number is null then round(weight, 3) end as weight,
            $model_version as model_version
        from ruled
        where
            (rule_number is not null or (weight >= $threshold and is_same_kind))
            and (coalesce(rule_number in ({trusted}), false) or is_not_contradicted)
    """


def _last_compared(parameters: dict[str, Any]) -> dict[str, Any]:
    (last,) = (comparison for comparison in parameters["comparisons"] if comparison["name"] == LAST_COMPARED)
    return cast("dict[str, Any]", last)


def _of_both(columns: Iterable[str]) -> str:
    return ", ".join(f"a.{column} as {column}_l, b.{column} as {column}_r" for column in columns)


def _level_sql(comparison: dict[str, Any]) -> str:
    """The number of the level a pair reaches, as `<comparison>_level`; null where a value is missing."""
    *levels, _ = comparison["levels"]
    conditions = ["has_common_phone" if level["condition"] == PHONES_AGREE else level["condition"] for level in levels]
    whens = " ".join(f"when {condition} then {number}" for number, condition in enumerate(conditions))
    level = f"case when {comparison['missing']} then null {whens} else {len(levels)} end"
    return f"{level} as {comparison['name']}_level"


def _weight_sql(parameters: dict[str, Any], last: str | None = None) -> str:
    """The weight of all evidence; the same name counts by how rare it is (term frequency).

    With `last`, that is the weight of what is compared last, whose level is not known yet.
    """
    terms, of_household = [f"{prior_weight(parameters):.4f}"], []
    for comparison in parameters["comparisons"]:
        level = f"{comparison['name']}_level"
        whens = " ".join(f"when {number} then {weight}" for number, weight in enumerate(level_weights(comparison)))
        weight = f"case {level} {whens} else 0 end"
        if last and comparison["name"] == LAST_COMPARED:
            weight = last
        if comparison["of_household"]:
            of_household.append(weight)
            weight = f"least(0, {weight})"
        terms.append(weight)
    levels = parameters["comparisons"][0]["levels"]
    same_name = levels[0]["u"]
    other = len(levels) - 1
    personal = ", ".join(str(number) for number, level in enumerate(levels) if level["is_personal"])
    together, strongest = (
        f"{' + '.join(f'greatest(0, {weight})' for weight in of_household)}",
        f"greatest(0, {', '.join(of_household)})",
    )
    terms += [
        f"case when name_level in ({personal}) or (birth_date_level = 0 and coalesce(name_level, {other}) = {other})"
        f" then {together} else {strongest} end",
        f"case when name_level = 0 then log2({same_name} / coalesce(frequency, {parameters['rare_name']})) else 0 end",
        f"case when least(length(family_name_l), length(family_name_r)) <= {_SHORT_NAME}"
        f" and name_level not in ({personal})"
        f" and birth_date_level is null and coalesce(email_level <> 0, true) then {-RELATIVES} else 0 end",
    ]
    return " + ".join(terms)
