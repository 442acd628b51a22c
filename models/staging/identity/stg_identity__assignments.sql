-- One row per source customer record, as it was assigned last.
with

assignments as (
    select * from {{ source('identity', 'assignments') }}
),

final as (
    select
        record_id as customer_source_id,
        customer_id,
        rule as identity_rule
    from assignments
    qualify row_number() over (
        partition by record_id
        order by resolution_number desc
    ) = 1
)

select * from final
