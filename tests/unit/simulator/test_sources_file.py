"""The written sources.yml against the contracts of the feeds and against the files themselves."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from pipelines.simulator.deliveries import ALL_LAYOUTS

from .conftest import END, START, Simulated

ROOT = Path(__file__).parents[3]


def contracts() -> dict[str, dict]:
    """Contract by feed, as the model files state them."""
    found = {}
    for file in sorted((ROOT / "models/staging").glob("*/_*__sources.yml")):
        for source in yaml.safe_load(file.read_text(encoding="utf-8"))["sources"]:
            # What no company delivers has no terms of delivery.
            delivered = (table for table in source["tables"] if "delivery" in table.get("config", {}).get("meta", {}))
            found |= {table["identifier"]: table for table in delivered}
    return found


@pytest.fixture(scope="module")
def entries(simulated: Simulated) -> dict[str, dict]:
    content = yaml.safe_load((simulated.folder / "sources.yml").read_text(encoding="utf-8"))
    assert content["version"] == 1
    assert content["company"]["time_zone"] == "Asia/Seoul"
    assert content["company"]["currency"] == "KRW"
    return {layout.name: entry for layout, entry in zip(ALL_LAYOUTS, content["sources"], strict=True)}


def meta(column: dict) -> dict:
    return column.get("config", {}).get("meta", {})


def test_every_feed_is_mapped_and_dated(entries: dict[str, dict]) -> None:
    assert {entry["feed"] for entry in entries.values()} == contracts().keys()
    assert len({(entry["feed"], entry["source_system"]) for entry in entries.values()}) == len(entries)
    assert {(entry["start"], entry["until"]) for entry in entries.values()} == {(START, END)}


@pytest.mark.parametrize("name", [layout.name for layout in ALL_LAYOUTS])
def test_columns_are_the_contracts_own_and_required_ones_are_mapped(entries: dict[str, dict], name: str) -> None:
    columns = {column["name"]: meta(column) for column in contracts()[entries[name]["feed"]]["columns"]}
    companions = {f"{name.removesuffix('_key')}_system" for name, of in columns.items() if "references" in of}
    mapped = entries[name]["columns"].keys()
    assert mapped <= columns.keys() | companions
    assert {name for name, of in columns.items() if of.get("required")} <= mapped
    # A made company can tell everything that a contract asks for.
    assert columns.keys() <= mapped


@pytest.mark.parametrize("name", [layout.name for layout in ALL_LAYOUTS])
def test_codes_are_translated_to_the_contracts_values(entries: dict[str, dict], name: str) -> None:
    entry = entries[name]
    allowed = {column["name"]: meta(column).get("values") for column in contracts()[entry["feed"]]["columns"]}
    for column, mapping in entry["columns"].items():
        if isinstance(mapping, dict) and allowed.get(column) and "values" in mapping:
            assert set(mapping["values"].values()) <= set(allowed[column])


def test_a_key_of_another_system_names_that_system(entries: dict[str, dict]) -> None:
    for entry in entries.values():
        for column in contracts()[entry["feed"]]["columns"]:
            target = meta(column).get("references")
            if target and entries[target]["source_system"] != entry["source_system"]:
                companion = f"{column['name'].removesuffix('_key')}_system"
                assert entry["columns"][companion] == {"constant": entries[target]["source_system"]}


@pytest.mark.parametrize("name", [layout.name for layout in ALL_LAYOUTS])
def test_every_feed_has_files_that_hold_the_mapped_columns(
    simulated: Simulated, entries: dict[str, dict], name: str
) -> None:
    entry = entries[name]
    pattern = entry["path"].split("{")[0] + "*"
    files = sorted(simulated.folder.glob(pattern))
    assert files
    # A day without rows has no columns to tell in JSON Lines.
    files = [file for file in files if file.stat().st_size]
    native = {
        mapping["column"] if isinstance(mapping, dict) else mapping
        for mapping in entry["columns"].values()
        if not (isinstance(mapping, dict) and "constant" in mapping)
    }
    assert native <= native_names(files[0], entry)


def native_names(file: Path, entry: dict) -> set[str]:
    if entry["format"] == "parquet":
        return set(pq.read_schema(file).names)
    first = file.read_bytes().splitlines()[0].decode(entry["codec"])
    if entry["format"] == "json_lines":
        return {f"{group}.{leaf}" for group, leaves in json.loads(first).items() for leaf in leaves}
    return set(next(csv.reader(io.StringIO(first))))
