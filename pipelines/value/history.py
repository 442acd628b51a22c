"""The bridge between warehouse tables and the value models: purchase histories in, Arrow tables out.

The two dbt Python models of `models/intermediate/value/` call it; no mathematics is here. Arrow, because a data frame
without rows has no types.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from pipelines.value.bg_nbd import BgNbdParameters
from pipelines.value.gamma_gamma import GammaGammaParameters
from pipelines.value.lifetime_value import VALUE_MODEL, ValueModel, expected_value, fit_value_model
from pipelines.value.likelihood import FloatArray

HISTORY_COLUMNS = ("repeat_purchase_count", "last_purchase_weeks", "observed_weeks", "mean_repeat_amount")
PURCHASE_PARAMETERS = ("r", "alpha", "a", "b")
SPEND_PARAMETERS = ("p", "q", "v")


def parameter_table(history: duckdb.DuckDBPyRelation, minimum_repeaters: int) -> pa.Table:
    """One row: the fitted parameters of the company (times in weeks), or the reason why there are none."""
    x, t_x, observed, mean_spend = _histories(history)
    model = fit_value_model(x, t_x, observed, mean_spend, minimum_repeaters)
    fitted: dict[str, float | None] = {}
    for name in (*PURCHASE_PARAMETERS, "log_likelihood"):
        fitted[f"purchase_{name}"] = getattr(model.purchase, name, None)
    for name in (*SPEND_PARAMETERS, "log_likelihood"):
        fitted[f"spend_{name}"] = getattr(model.spend, name, None)
    fitted["spend_correlation"] = model.spend_correlation
    counts = {"customer_count": model.customer_count, "repeat_customer_count": model.repeat_customer_count}
    return pa.table(
        {
            "value_model": pa.array([VALUE_MODEL], type=pa.string()),
            **{name: pa.array([count], type=pa.int64()) for name, count in counts.items()},
            **{name: pa.array([value], type=pa.float64()) for name, value in fitted.items()},
            "missing_parameters_reason": pa.array([model.reason], type=pa.string()),
        }
    )


def expected_value_table(
    history: duckdb.DuckDBPyRelation, parameters: duckdb.DuckDBPyRelation, horizon_weeks: float
) -> pa.Table:
    """One row per customer of the history, ordered by customer; nulls where there is a reason."""
    ordered = history.order("customer_id")
    customers = ordered.select("customer_id").to_arrow_table().column("customer_id")
    model = _stored_model(parameters.to_arrow_table().to_pylist()[0])
    x, t_x, observed, mean_spend = _histories(ordered)
    expected = expected_value(model, x, t_x, observed, mean_spend, horizon_weeks)
    numbers = {
        "probability_alive": expected.probability_alive,
        "expected_purchase_count": expected.purchases,
        "expected_spend_amount": expected.spend,
        "expected_value_amount": expected.value,
    }
    return pa.table(
        {
            "customer_id": customers,
            **{name: pa.array(values, type=pa.float64(), from_pandas=True) for name, values in numbers.items()},
            "value_model": pa.array([VALUE_MODEL] * len(customers), type=pa.string()),
            "expected_value_reason": pa.array(expected.reason.tolist(), type=pa.string()),
        }
    )


def _histories(history: duckdb.DuckDBPyRelation) -> list[FloatArray]:
    selected = ", ".join(f"cast({name} as double) as {name}" for name in HISTORY_COLUMNS)
    table = history.select(selected).to_arrow_table()
    # Nulls, the mean of no purchases, become not a number.
    return [table.column(name).to_numpy() for name in HISTORY_COLUMNS]


def _stored_model(row: dict) -> ValueModel:
    counts = (row["customer_count"], row["repeat_customer_count"])
    if row["missing_parameters_reason"] is not None:
        return ValueModel(*counts, reason=row["missing_parameters_reason"])
    return ValueModel(
        *counts,
        purchase=BgNbdParameters(*(row[f"purchase_{name}"] for name in PURCHASE_PARAMETERS)),
        spend=GammaGammaParameters(*(row[f"spend_{name}"] for name in SPEND_PARAMETERS)),
    )
