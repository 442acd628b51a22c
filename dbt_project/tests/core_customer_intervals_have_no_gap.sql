-- A customer's intervals begin with 1900, follow one another without gap and overlap, and only the last is current.
with

neighbours as (
    select
        customer_id,
        is_current,
        valid_from,
        valid_to,
        lag(valid_to) over (
            partition by customer_id
            order by valid_from
        ) as expected_valid_from,
        row_number() over (
            partition by customer_id
            order by valid_from desc
        ) as place_from_last
    from {{ ref('dim_customer') }}
)

select
    customer_id,
    valid_from,
    valid_to
from neighbours
where
    valid_from <> coalesce(expected_valid_from, date '1900-01-01')
    or (expected_valid_from is null and valid_from <> date '1900-01-01')
    or is_current <> (place_from_last = 1)
    or is_current <> (valid_to is null)
    or valid_to <= valid_from
