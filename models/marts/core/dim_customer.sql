-- One row per customer, as its source records now stand.
with

customers as (
    select * from {{ ref('stg_branch__customers') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

areas as (
    select * from {{ ref('stg_demographics__areas') }}
),

branches as (
    select * from {{ ref('dim_branch') }}
),

employees as (
    select * from {{ ref('dim_employee') }}
),

company as (
    select max(complete_date) as complete_date from {{ source('ledger', 'company') }}
),

members as (
    {{ unknown_members() }}
),

-- The record delivered last speaks for the customer; the first registration is the customer's.
current_records as (
    select
        customers.*,
        identity.customer_id,
        min(customers.registered_date) over (partition by identity.customer_id) as first_registered_date,
        count(*) over (partition by identity.customer_id) as source_record_count
    from customers
    inner join identity on customers.customer_source_id = identity.customer_source_id
    qualify row_number() over (
        partition by identity.customer_id
        order by customers.delivery_date desc, customers.customer_system asc, customers.customer_key asc
    ) = 1
),

-- Age by year of birth alone: a band that changed on the birthday would publish the birthday.
aged as (
    select
        current_records.*,
        case
            when current_records.party_type_code = 'corporation' then null
            else extract(year from company.complete_date) - extract(year from current_records.birth_date)
        end as age_years
    from current_records
    cross join company
),

known as (
    select
        aged.customer_id,
        coalesce(branches.branch_id, '-1') as branch_id,
        -- A customer need not have a relationship manager.
        case
            when aged.manager_id is null then '-2'
            else coalesce(employees.employee_id, '-1')
        end as manager_id,
        coalesce(aged.acquisition_channel_code, '-1') as channel_code,
        coalesce(aged.party_type_code, 'unknown') as party_type_code,
        case
            when aged.party_type_code = 'corporation' then 'not_applicable'
            else coalesce(aged.sex_code, 'unknown')
        end as sex_code,
        case
            when aged.party_type_code = 'corporation' then 'not_applicable'
            when aged.age_years is null then 'unknown'
            when aged.age_years < 20 then 'under_20'
            when aged.age_years < 30 then '20_to_29'
            when aged.age_years < 40 then '30_to_39'
            when aged.age_years < 50 then '40_to_49'
            when aged.age_years < 60 then '50_to_59'
            when aged.age_years < 70 then '60_to_69'
            else '70_and_over'
        end as age_band_code,
        coalesce(aged.occupation, 'unknown') as occupation,
        coalesce(aged.income_band, 'unknown') as income_band,
        areas.province,
        areas.district,
        areas.median_income_amount as area_median_income_amount,
        aged.source_record_count,
        aged.first_registered_date as registered_date
    from aged
    left join branches on aged.branch_id = branches.branch_id
    left join employees on aged.manager_id = employees.employee_id
    left join areas on aged.area_id = areas.area_id
),

with_members as (
    select * from known
    union all
    select
        member_id as customer_id,
        member_id as branch_id,
        member_id as manager_id,
        member_id as channel_code,
        member_code as party_type_code,
        member_code as sex_code,
        member_code as age_band_code,
        member_code as occupation,
        member_code as income_band,
        null as province,
        null as district,
        null as area_median_income_amount,
        0 as source_record_count,
        null as registered_date
    from members
),

final as (
    select
        customer_id,
        branch_id,
        manager_id,
        channel_code,
        party_type_code,
        {{ code_label('party_type_code') }} as party_type_label,
        sex_code,
        {{ code_label('sex_code') }} as sex_label,
        age_band_code,
        {{ code_label('age_band_code') }} as age_band_label,
        occupation,
        income_band,
        province,
        district,
        area_median_income_amount,
        source_record_count,
        registered_date
    from with_members
)

select * from final
