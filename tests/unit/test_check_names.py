"""dbt's tests as Dagster's checks: short names that stay apart, and a sentence for each."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.orchestration.check_names import with_short_check_names


def generic(name: str, kind: str, column: str | None, node: str = "model.a", **arguments: Any) -> dict[str, Any]:
    return {
        "resource_type": "test",
        "name": name,
        "attached_node": node,
        "column_name": column,
        "description": "",
        "meta": {"kept": 1},
        "test_metadata": {"name": kind, "kwargs": {"column_name": column, "arguments": arguments}},
    }


def shown(*tests: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and description of each test as a check."""
    manifest = {"nodes": {f"test.{number}": test for number, test in enumerate(tests)}, "sources": {}}
    nodes = with_short_check_names(manifest)["nodes"].values()
    return [(node["name"], node["meta"]["description"]) for node in nodes]


@pytest.mark.parametrize(
    ("test", "name", "sentence"),
    [
        (generic("unique_a_key", "unique", "key"), "key_unique", "`key` is unique."),
        (generic("not_null_a_key", "not_null", "key"), "key_not_null", "`key` is present in every row."),
        (
            generic("accepted_values_a_code__x__y", "accepted_values", "code", values=["x", "y"]),
            "code_accepted_values",
            "`code` is one of x, y.",
        ),
        (
            generic("relationships_a_key__key__ref_b_", "relationships", "key", to="ref('b')", field="id"),
            "key_relationships",
            "Each `key` is a `id` of `b`.",
        ),
        (
            generic("relationships_a_run", "relationships", "run", to="source('ledger', 'loads')", field="run_id"),
            "run_relationships",
            "Each `run` is a `run_id` of `ledger.loads`.",
        ),
        (generic("rows_add_up_a", "rows_add_up", None), "rows_add_up", "rows add up."),
        (
            generic("ranges_a_day", "ranges", "day") | {"description": "No two\noverlap"},
            "day_ranges",
            "No two overlap.",
        ),
    ],
)
def test_a_generic_test_is_named_by_column_and_kind_and_says_what_it_asks(test, name, sentence):
    assert shown(test) == [(name, f"{sentence} In dbt: `{test['name']}`.")]


def test_a_test_with_a_file_of_its_own_keeps_its_name_and_says_its_first_comment():
    test = {
        "resource_type": "test",
        "name": "calls_are_conserved",
        "description": "",
        "meta": {},
        "raw_code": "-- Every call stands\n-- once in the fact\nselect 1 -- no more",
    }
    assert shown(test) == [
        ("calls_are_conserved", "Every call stands once in the fact. In dbt: `calls_are_conserved`.")
    ]


def test_two_tests_of_a_model_that_would_have_one_name_keep_those_of_dbt():
    first = generic("relationships_a_key__ref_b_", "relationships", "key", to="ref('b')", field="id")
    second = generic("relationships_a_key__ref_c_", "relationships", "key", to="ref('c')", field="id")
    other = generic("relationships_d_key__ref_b_", "relationships", "key", "model.d", to="ref('b')", field="id")
    assert [name for name, _ in shown(first, second, other)] == [first["name"], second["name"], "key_relationships"]


def test_the_manifest_that_was_given_stays_as_it_is():
    test = generic("unique_a_key", "unique", "key")
    shown(test)
    assert (test["name"], test["meta"]) == ("unique_a_key", {"kept": 1})
