"""A company's expected value: the two models together, and the reasons where they have no answer."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from pipelines.value import gamma_gamma
from pipelines.value.history import HISTORY_COLUMNS, expected_value_table, parameter_table
from pipelines.value.lifetime_value import SPEND_NOT_POSITIVE, expected_value, fit_value_model

from .conftest import Histories


def histories(sample: Histories) -> tuple[np.ndarray, ...]:
    return sample.x, sample.t_x, sample.T, sample.mean_spend


@pytest.fixture
def warehouse(sample_histories: Histories) -> duckdb.DuckDBPyConnection:
    """A DuckDB with the table `history` of the CDNOW sample, as the dbt model makes it."""
    connection = duckdb.connect()
    count = sample_histories.x.size
    columns = dict(zip(HISTORY_COLUMNS, histories(sample_histories), strict=True))
    frame = {"customer_id": [f"{number:05d}" for number in range(count)], **columns}
    names = ", ".join(f"nullif({name}, cast('nan' as double)) as {name}" for name in HISTORY_COLUMNS)
    connection.register("frame", pd.DataFrame(frame))
    connection.execute(f"create table history as select customer_id, {names} from frame")
    return connection


def test_the_sample_is_worth_purchases_times_spend(sample_histories: Histories):
    model = fit_value_model(*histories(sample_histories), 100)
    expected = expected_value(model, *histories(sample_histories), 39)
    assert model.reason is None
    assert model.spend is not None
    assert model.spend_correlation == pytest.approx(0.114, abs=0.0005)
    assert expected.purchases.sum() == pytest.approx(1653, abs=1)
    assert expected.value == pytest.approx(expected.purchases * expected.spend)
    assert expected.spend[sample_histories.x == 0] == pytest.approx(gamma_gamma.population_mean(model.spend))
    assert all(reason is None for reason in expected.reason)


def test_too_few_repeat_customers_are_a_reason_that_counts_them():
    x, spend = np.array([0.0, 1, 2]), np.array([np.nan, 5.0, -5.0])
    model = fit_value_model(x, x, np.full(3, 10.0), spend, 100)
    expected = expected_value(model, x, x, np.full(3, 10.0), spend, 52)
    assert model.reason == "too few repeat customers: 1, needs 100"
    assert list(expected.reason) == [model.reason] * 3
    assert np.isnan(expected.value).all()


def test_a_customer_who_loses_money_has_purchases_but_no_value(sample_histories: Histories):
    x, t_x, observed, mean_spend = histories(sample_histories)
    loser = int(np.flatnonzero(x > 0)[0])
    margin = np.where(np.arange(x.size) == loser, -3.0, mean_spend)
    model = fit_value_model(x, t_x, observed, margin, 100)
    expected = expected_value(model, x, t_x, observed, margin, 52)
    assert expected.reason[loser] == SPEND_NOT_POSITIVE
    assert np.isnan(expected.value[loser])
    assert expected.purchases[loser] > 0
    assert np.isfinite(np.delete(expected.value, loser)).all()


def test_a_model_without_convergence_is_a_reason():
    generator = np.random.default_rng(4)
    count = 400
    spend = np.exp(generator.standard_cauchy(count).clip(-30, 30))
    x, t_x = np.ones(count), generator.uniform(1, 50, count)
    model = fit_value_model(x, t_x, np.full(count, 52.0), spend, 100)
    assert model.purchase is None
    assert model.reason is not None
    assert "no mean" in model.reason


def test_tables_hold_what_the_arrays_say(warehouse: duckdb.DuckDBPyConnection, sample_histories: Histories):
    parameters = parameter_table(warehouse.table("history"), 100)
    row = parameters.to_pylist()[0]
    assert row["purchase_alpha"] == pytest.approx(4.4136, rel=1e-3)
    assert (row["customer_count"], row["repeat_customer_count"]) == (2357, 946)
    assert row["missing_parameters_reason"] is None
    table = expected_value_table(warehouse.table("history"), warehouse.from_arrow(parameters), 39)
    assert table.num_rows == sample_histories.x.size
    assert sum(table.column("expected_purchase_count").to_pylist()) == pytest.approx(1653, abs=1)
    assert table.column("expected_value_reason").null_count == table.num_rows


def test_tables_do_not_depend_on_the_order_of_rows(warehouse: duckdb.DuckDBPyConnection):
    history = warehouse.table("history")
    reversed_history = history.order("customer_id desc")
    parameters = parameter_table(history, 100)
    assert parameters.equals(parameter_table(reversed_history, 100))
    stored = warehouse.from_arrow(parameters)
    forward = expected_value_table(history, stored, 52)
    assert forward.equals(expected_value_table(reversed_history, stored, 52))


def test_no_rows_keep_their_types_and_have_a_reason(warehouse: duckdb.DuckDBPyConnection):
    nobody = warehouse.table("history").filter("false")
    parameters = parameter_table(nobody, 100)
    assert parameters.to_pylist()[0]["missing_parameters_reason"] == "too few repeat customers: 0, needs 100"
    table = expected_value_table(nobody, warehouse.from_arrow(parameters), 52)
    assert table.num_rows == 0
    assert {str(field.type) for field in table.schema} == {"string", "double"}
    assert str(parameters.schema.field("purchase_r").type) == "double"
