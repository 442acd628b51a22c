-- One row per system, refusal list, checked day and customer whose telephone number was on the list.
with

refusals as (
    select * from {{ ref('stg_consent__refusals') }}
),

phones as (
    select * from {{ ref('int_customer__phone') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
),

-- A number that several customers share refuses for all of them, and is counted with one.
matched as (
    select
        refusals.source_system,
        refusals.refusal_list_code,
        refusals.checked_date,
        -- Of a number that was erased nothing is left to match.
        coalesce(phones.customer_id, case when refusals.is_erased then '-3' else '-1' end) as customer_id,
        row_number() over (
            partition by refusals.refusal_id
            order by phones.customer_id
        ) as match_number
    from refusals
    left join phones on refusals.phone = phones.phone
),

counted as (
    select
        source_system,
        refusal_list_code,
        customer_id,
        count(*) as entry_count,
        cast(sum(case when match_number = 1 then 1 else 0 end) as bigint) as counted_entry_count,
        checked_date
    from matched
    group by
        source_system,
        refusal_list_code,
        checked_date,
        customer_id
),

final as (
    select
        {{ surrogate_key([
            'counted.source_system',
            'counted.refusal_list_code',
            'counted.checked_date',
            'counted.customer_id',
        ]) }} as refusal_check_id,
        counted.customer_id,
        customers.customer_row_id,
        counted.source_system,
        counted.refusal_list_code,
        counted.entry_count,
        counted.counted_entry_count,
        counted.customer_id not in ('-1', '-3') as is_matched,
        counted.checked_date
    from counted
    left join customers
        on
            counted.customer_id = customers.customer_id
            and {{ valid_on('customers', 'counted.checked_date') }}
)

select * from final
