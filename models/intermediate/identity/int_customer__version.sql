-- One row per customer and interval in which its tracked golden attributes are the same.
with

golden as (
    select * from {{ ref('int_customer__golden_attribute') }}
    where attribute_code in ('party_type', 'sex', 'area', 'occupation', 'income_band', 'branch', 'manager')
),

moments as (
    select distinct
        customer_id,
        valid_from
    from golden
),

states as (
    select
        moments.customer_id,
        max(case when golden.attribute_code = 'branch' then golden.attribute_value end) as branch_id,
        max(case when golden.attribute_code = 'manager' then golden.attribute_value end) as manager_id,
        max(case when golden.attribute_code = 'area' then golden.attribute_value end) as area_id,
        max(case when golden.attribute_code = 'party_type' then golden.attribute_value end) as party_type_code,
        max(case when golden.attribute_code = 'sex' then golden.attribute_value end) as sex_code,
        max(case when golden.attribute_code = 'occupation' then golden.attribute_value end) as occupation,
        max(case when golden.attribute_code = 'income_band' then golden.attribute_value end) as income_band,
        moments.valid_from
    from moments
    inner join golden
        on
            moments.customer_id = golden.customer_id
            and {{ valid_on('golden', 'moments.valid_from') }}
    group by
        moments.customer_id,
        moments.valid_from
),

keyed as (
    select
        *,
        {{ surrogate_key([
            'branch_id',
            'manager_id',
            'area_id',
            'party_type_code',
            'sex_code',
            'occupation',
            'income_band',
        ]) }} as state_key
    from states
),

-- The winner may change, or an address within its area, and nothing that is tracked with it.
changed as (
    select * from keyed
    qualify lag(state_key) over (
        partition by customer_id
        order by valid_from
    ) is distinct from state_key
),

-- What happened before the customer was first delivered belongs to the first interval.
dated as (
    select
        *,
        case
            when lag(valid_from) over (
                partition by customer_id
                order by valid_from
            ) is null then date '1900-01-01'
            else valid_from
        end as first_date,
        lead(valid_from) over (
            partition by customer_id
            order by valid_from
        ) as valid_to
    from changed
),

final as (
    select
        {{ surrogate_key(['customer_id', 'first_date']) }} as customer_row_id,
        customer_id,
        branch_id,
        manager_id,
        area_id,
        party_type_code,
        sex_code,
        occupation,
        income_band,
        valid_to is null as is_current,
        first_date as valid_from,
        valid_to
    from dated
)

select * from final
