"""A model is frozen text; learning is the same for the same records."""

import json
from pathlib import Path

import duckdb
import pytest
from identity_records import add, connection_with_tables

from pipelines.connections import literal
from pipelines.identity.model import DEFAULT, Model, level_weights
from pipelines.identity.training import train
from pipelines.simulator.registrations import write_registrations


def test_a_model_comes_back_from_its_settings() -> None:
    assert Model.from_settings(DEFAULT.settings) == DEFAULT


def test_other_settings_are_another_version() -> None:
    assert Model.of({**DEFAULT.parameters, "prior": 0.5}).version != DEFAULT.version


def test_the_chances_of_the_default_model_add_up() -> None:
    for comparison in DEFAULT.parameters["comparisons"]:
        for kind in ("m", "u"):
            assert sum(level[kind] for level in comparison["levels"]) == pytest.approx(1, abs=0.01), comparison["name"]


def test_too_few_records_get_the_default_model() -> None:
    connection = connection_with_tables()
    add(connection, "a")
    assert train(connection, "records", "phones") == DEFAULT


def test_learning_again_from_the_same_records_gives_the_same_model(tmp_path: Path) -> None:
    write_registrations(tmp_path, 1_000, 5)
    models = []
    for _ in range(2):
        with duckdb.connect() as connection:
            for name in ("records", "phones"):
                connection.execute(f"create table {name} as from {literal(tmp_path / f'{name}.parquet')}")
            models.append(train(connection, "records", "phones"))
    assert models[0] == models[1]
    weights = {each["name"]: level_weights(each) for each in json.loads(models[0].settings)["comparisons"]}
    for name in ("name", "birth_date", "phone"):
        assert weights[name][0] > 5
        assert weights[name][-1] < 0
