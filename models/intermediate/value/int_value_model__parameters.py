"""One row: the purchase and spend models fitted to all purchase histories, or the reason why they are not."""


def model(dbt, session):
    """Fitting is `pipelines/value/lifetime_value.py`; imported here, for dbt reads this file before every run."""
    from pipelines.value.history import parameter_table  # noqa: PLC0415

    return parameter_table(
        dbt.ref("int_customer__purchase_history"),
        minimum_repeaters=int(dbt.config.meta_get("minimum_repeaters")),
    )
