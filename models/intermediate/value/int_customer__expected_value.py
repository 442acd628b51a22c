"""One row per customer with a purchase day: what the weeks of the horizon are expected to bring."""


def model(dbt, session):
    """Prediction is `pipelines/value/lifetime_value.py`; imported here, for dbt reads this file before every run."""
    from pipelines.value.history import expected_value_table  # noqa: PLC0415

    return expected_value_table(
        dbt.ref("int_customer__purchase_history"),
        dbt.ref("int_value_model__parameters"),
        horizon_weeks=float(dbt.config.meta_get("horizon_weeks")),
    )
