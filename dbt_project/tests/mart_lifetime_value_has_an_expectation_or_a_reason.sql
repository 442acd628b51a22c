-- An expectation or a reason, never both and never neither; probabilities and counts within their limits.
select
    customer_id,
    realised_amount,
    expected_12_months_amount,
    lifetime_value_amount,
    probability_alive,
    expected_purchase_count,
    expected_value_reason
from {{ ref('mart_lifetime_value') }}
where
    (expected_12_months_amount is null) = (expected_value_reason is null)
    or (expected_12_months_amount is null) <> (lifetime_value_amount is null)
    or lifetime_value_amount <> realised_amount + expected_12_months_amount
    or probability_alive not between 0 and 1
    or expected_purchase_count < 0
    or expected_12_months_amount < 0
