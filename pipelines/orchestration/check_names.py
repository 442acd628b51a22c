"""Names and descriptions of dbt's tests as Dagster's checks.

dbt names a test by its kind, model, column and all arguments, in up to 200 letters. A check stands on its model's page,
where column and kind are enough.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any


def with_short_check_names(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """dbt's manifest with each test named as its check is to be, and described; dbt's own name ends the description.

    Tests whose short name another test of the same model has keep dbt's. dbt selects tests by their `fqn`, which stays.
    """
    nodes = manifest["nodes"]
    tests = {key: node for key, node in nodes.items() if node["resource_type"] == "test"}
    times = Counter(_place(node) for node in tests.values())
    named = {
        key: {
            **node,
            "name": _short_name(node) if times[_place(node)] == 1 else node["name"],
            "meta": {**node["meta"], "description": f"{_description(node)} In dbt: `{node['name']}`."},
        }
        for key, node in tests.items()
    }
    return {**manifest, "nodes": {**nodes, **named}}


def _place(test: Mapping[str, Any]) -> tuple[str | None, str]:
    return test.get("attached_node"), _short_name(test)


def _short_name(test: Mapping[str, Any]) -> str:
    """Column and kind of a generic test; a test with a file of its own has a name that somebody chose."""
    kind = test.get("test_metadata")
    if not kind:
        return str(test["name"])
    return f"{test['column_name']}_{kind['name']}" if test.get("column_name") else str(kind["name"])


def _description(test: Mapping[str, Any]) -> str:
    """One sentence: the test's own description or first comment, else what its kind asks of its column."""
    if test["description"]:
        return _sentence(test["description"])
    kind = test.get("test_metadata")
    if not kind:
        comment = []
        for line in test["raw_code"].splitlines():
            if not line.startswith("--"):
                break
            comment.append(line.removeprefix("--").strip())
        return _sentence(" ".join(comment))
    column, arguments = test.get("column_name"), _arguments(kind)
    if kind["name"] == "unique":
        return f"`{column}` is unique."
    if kind["name"] == "not_null":
        return f"`{column}` is present in every row."
    if kind["name"] == "accepted_values":
        return f"`{column}` is one of {', '.join(map(str, arguments['values']))}."
    if kind["name"] == "relationships":
        # `to` is written as ref('dim_branch'), or as source('ledger', 'loads').
        parent = ".".join(re.findall("'([^']+)'", arguments["to"]))
        return f"Each `{column}` is a `{arguments['field']}` of `{parent}`."
    return _sentence(kind["name"].replace("_", " ") + (f" of `{column}`" if column else ""))


def _arguments(kind: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a generic test is asked with; dbt keeps it as it stands in the YAML, within `arguments` or without."""
    return {**kind["kwargs"], **kind["kwargs"].get("arguments", {})}


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return text if text.endswith(".") or not text else f"{text}."
