-- One row per contract, as it now stands.
with

contracts as (
    select * from {{ ref('stg_branch__contracts') }}
),

holders as (
    select * from {{ ref('stg_branch__contract_holders') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

products as (
    select * from {{ ref('dim_product') }}
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
    {{ unknown_members() }}
),

-- For a contract that names no main holder: the present holder with the largest share.
main_holders as (
    select
        holders.contract_id,
        holders.customer_source_id
    from holders
    cross join company
    where holders.holder_role = 'holder'
    qualify row_number() over (
        partition by holders.contract_id
        order by
            case when holders.valid_to <= company.complete_date then 1 else 0 end asc,
            coalesce(holders.share, 0) desc,
            holders.valid_from asc,
            holders.customer_source_id asc
    ) = 1
),

known as (
    select
        contracts.contract_id,
        coalesce(identity.customer_id, '-1') as customer_id,
        coalesce(products.product_id, '-1') as product_id,
        coalesce(branches.branch_id, '-1') as branch_id,
        -- A contract signed on the web has no seller.
        case
            when contracts.employee_id is null then '-2'
            else coalesce(employees.employee_id, '-1')
        end as employee_id,
        coalesce(contracts.channel_code, '-1') as channel_code,
        coalesce(contracts.business_unit, 'unknown') as business_unit,
        coalesce(contracts.status_code, 'unknown') as status_code,
        case
            when contracts.end_reason_code is not null then contracts.end_reason_code
            when contracts.status_code = 'ended' or contracts.end_date is not null then 'unknown'
            else 'not_applicable'
        end as end_reason_code,
        contracts.signed_date,
        contracts.commitment_end_date,
        contracts.maturity_date,
        contracts.end_date
    from contracts
    left join main_holders on contracts.contract_id = main_holders.contract_id
    left join identity
        on
            coalesce(contracts.customer_source_id, main_holders.customer_source_id)
            = identity.customer_source_id
    left join products on contracts.product_id = products.product_id
    left join branches on contracts.branch_id = branches.branch_id
    left join employees on contracts.employee_id = employees.employee_id
),

with_members as (
    select * from known
    union all
    select
        member_id as contract_id,
        member_id as customer_id,
        member_id as product_id,
        member_id as branch_id,
        member_id as employee_id,
        member_id as channel_code,
        member_code as business_unit,
        member_code as status_code,
        member_code as end_reason_code,
        null as signed_date,
        null as commitment_end_date,
        null as maturity_date,
        null as end_date
    from members
),

final as (
    select
        contract_id,
        customer_id,
        product_id,
        branch_id,
        employee_id,
        channel_code,
        business_unit,
        status_code,
        {{ code_label('status_code') }} as status_label,
        end_reason_code,
        {{ code_label('end_reason_code') }} as end_reason_label,
        signed_date,
        commitment_end_date,
        maturity_date,
        end_date
    from with_members
)

select * from final
