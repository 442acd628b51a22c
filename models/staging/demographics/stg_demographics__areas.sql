-- One row per area, as last delivered.
with

areas as (
    {{ latest_delivery(source('demographics', 'areas'), ['area_key']) }}
),

final as (
    select
        {{ surrogate_key(['source_system', 'area_key']) }} as area_id,
        source_system,
        area_key,
        {{ clean_text('province') }} as province,
        {{ clean_text('district') }} as district,
        {{ clean_text('town') }} as town,
        population_count,
        household_count,
        median_age_years,
        median_income_amount,
        delivery_date,
        batch_id
    from areas
)

select * from final
