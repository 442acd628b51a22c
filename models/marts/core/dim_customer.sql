-- One row per customer and interval in which its golden attributes are the same.
with

versions as (
    select * from {{ ref('int_customer__version') }}
),

golden as (
    select * from {{ ref('int_customer__golden_attribute') }}
),

customers as (
    select * from {{ ref('stg_branch__customers') }}
),

deliveries as (
    select * from {{ ref('base_branch__customers') }}
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
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

members as (
    {{ unknown_members(can_be_erased=true) }}
),

birth_dates as (
    select
        customer_id,
        cast(attribute_value as date) as birth_date
    from golden
    where
        attribute_code = 'birth_date'
        and valid_to is null
),

-- A customer is won once: the channel that was known first stays.
first_channels as (
    select
        identity.customer_id,
        deliveries.acquisition_channel_code
    from deliveries
    inner join identity on deliveries.customer_source_id = identity.customer_source_id
    where deliveries.acquisition_channel_code is not null
    qualify row_number() over (
        partition by identity.customer_id
        order by deliveries.delivery_date asc, deliveries.customer_system asc, deliveries.customer_key asc
    ) = 1
),

records as (
    select
        identity.customer_id,
        count(*) as source_record_count,
        min(customers.registered_date) as registered_date
    from customers
    inner join identity on customers.customer_source_id = identity.customer_source_id
    group by identity.customer_id
),

-- Age by year of birth alone: a band that changed on the birthday would publish the birthday.
aged as (
    select
        versions.*,
        first_channels.acquisition_channel_code,
        records.source_record_count,
        records.registered_date,
        case
            when versions.party_type_code = 'corporation' then null
            else extract(year from company.complete_date) - extract(year from birth_dates.birth_date)
        end as age_years
    from versions
    cross join company
    inner join records on versions.customer_id = records.customer_id
    left join birth_dates on versions.customer_id = birth_dates.customer_id
    left join first_channels on versions.customer_id = first_channels.customer_id
),

known as (
    select
        aged.customer_row_id,
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
        aged.is_current,
        aged.registered_date,
        aged.valid_from,
        aged.valid_to
    from aged
    left join branches on aged.branch_id = branches.branch_id
    left join employees on aged.manager_id = employees.employee_id
    left join areas on aged.area_id = areas.area_id
),

with_members as (
    select * from known
    union all
    select
        member_id as customer_row_id,
        member_id as customer_id,
        -- Branches, employees and channels are not erased.
        case when member_id = '-3' then '-2' else member_id end as branch_id,
        case when member_id = '-3' then '-2' else member_id end as manager_id,
        case when member_id = '-3' then '-2' else member_id end as channel_code,
        member_code as party_type_code,
        member_code as sex_code,
        member_code as age_band_code,
        member_code as occupation,
        member_code as income_band,
        null as province,
        null as district,
        null as area_median_income_amount,
        0 as source_record_count,
        true as is_current,
        null as registered_date,
        date '1900-01-01' as valid_from,
        null as valid_to
    from members
),

final as (
    select
        customer_row_id,
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
        is_current,
        registered_date,
        valid_from,
        valid_to
    from with_members
)

select * from final
