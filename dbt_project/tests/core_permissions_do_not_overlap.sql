-- A customer, purpose and channel have one answer at an instant, and every interval has a length.
with

ordered as (
    select
        customer_id,
        purpose_code,
        channel_code,
        valid_from,
        valid_to,
        lead(valid_from) over (
            partition by customer_id, purpose_code, channel_code
            order by valid_from
        ) as next_valid_from
    from {{ ref('dim_permission') }}
)

select *
from ordered
where
    valid_to <= valid_from
    or next_valid_from <= valid_from
    or (next_valid_from is not null and coalesce(valid_to, timestamp '9999-12-31') > next_valid_from)
