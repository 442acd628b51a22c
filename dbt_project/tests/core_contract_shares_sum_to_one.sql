-- The shares of a running contract sum to 1 on the complete date. A warning: stated shares are the source's.
{{ config(severity='warn') }}

with

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

shares as (
    select
        bridge_contract_customer.contract_id,
        sum(
            case
                when
                    bridge_contract_customer.valid_from <= company.complete_date
                    and coalesce(bridge_contract_customer.valid_to, date '9999-12-31') > company.complete_date
                    then bridge_contract_customer.share
                else 0
            end
        ) as share
    from {{ ref('bridge_contract_customer') }} as bridge_contract_customer
    inner join {{ ref('dim_contract') }} as dim_contract
        on bridge_contract_customer.contract_id = dim_contract.contract_id
    cross join company
    where
        dim_contract.signed_date <= company.complete_date
        and coalesce(dim_contract.end_date, date '9999-12-31') > company.complete_date
    group by bridge_contract_customer.contract_id
)

select
    contract_id,
    share
from shares
where share <> 1
