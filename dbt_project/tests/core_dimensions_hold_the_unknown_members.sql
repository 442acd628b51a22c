-- Each dimension that facts point to holds both members, -1 unknown and -2 not applicable.
with

present as (
    select
        'dim_customer' as model_name,
        customer_id as member_id
    from {{ ref('dim_customer') }}
    union all
    select
        'dim_household' as model_name,
        household_id as member_id
    from {{ ref('dim_household') }}
    union all
    select
        'dim_contract' as model_name,
        contract_id as member_id
    from {{ ref('dim_contract') }}
    union all
    select
        'dim_product' as model_name,
        product_id as member_id
    from {{ ref('dim_product') }}
    union all
    select
        'dim_branch' as model_name,
        branch_id as member_id
    from {{ ref('dim_branch') }}
    union all
    select
        'dim_employee' as model_name,
        employee_id as member_id
    from {{ ref('dim_employee') }}
    union all
    select
        'dim_campaign' as model_name,
        campaign_id as member_id
    from {{ ref('dim_campaign') }}
    union all
    select
        'dim_channel' as model_name,
        channel_code as member_id
    from {{ ref('dim_channel') }}
)

select
    model_name,
    sum(case when member_id in ('-1', '-2') then 1 else 0 end) as member_count
from present
group by model_name
having sum(case when member_id in ('-1', '-2') then 1 else 0 end) <> 2
