-- One row per customer, as its source records now stand.
with

customers as (
    select * from {{ ref('dim_customer') }}
    where is_current
),

final as (
    select
        customer_id,
        customer_row_id,
        branch_id,
        manager_id,
        channel_code,
        party_type_code,
        party_type_label,
        sex_code,
        sex_label,
        age_band_code,
        age_band_label,
        occupation,
        income_band,
        province,
        district,
        area_median_income_amount,
        source_record_count,
        registered_date,
        valid_from
    from customers
)

select * from final
