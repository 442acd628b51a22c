-- Every staged record stands once in its dimension or bridge, unknown members and added main holders aside.
with

counted as (
    select
        'dim_customer_current' as model_name,
        (select count(*) from {{ ref('stg_branch__customers') }}) as staged_count,
        (select coalesce(sum(source_record_count), 0) from {{ ref('dim_customer_current') }}) as published_count
    union all
    select
        'dim_contract' as model_name,
        (select count(*) from {{ ref('stg_branch__contracts') }}) as staged_count,
        (select count(*) - 2 from {{ ref('dim_contract') }}) as published_count
    union all
    select
        'dim_product' as model_name,
        (select count(*) from {{ ref('stg_branch__products') }}) as staged_count,
        (select count(*) - 2 from {{ ref('dim_product') }}) as published_count
    union all
    select
        'dim_branch' as model_name,
        (select count(*) from {{ ref('stg_branch__branches') }}) as staged_count,
        (select count(*) - 2 from {{ ref('dim_branch') }}) as published_count
    union all
    select
        'dim_employee' as model_name,
        (select count(*) from {{ ref('stg_branch__employees') }}) as staged_count,
        (select count(*) - 2 from {{ ref('dim_employee') }}) as published_count
    union all
    select
        'dim_campaign' as model_name,
        (select count(*) from {{ ref('stg_campaign__campaigns') }}) as staged_count,
        (select count(*) - 2 from {{ ref('dim_campaign') }}) as published_count
    union all
    select
        'bridge_customer_source' as model_name,
        (select count(*) from {{ ref('stg_branch__customers') }}) as staged_count,
        (
            select count(*) from {{ ref('bridge_customer_source') }}
            where valid_to is null
        ) as published_count
    union all
    select
        'bridge_contract_customer' as model_name,
        (select count(*) from {{ ref('stg_branch__contract_holders') }}) as staged_count,
        (
            select count(*) from {{ ref('bridge_contract_customer') }}
            where share_rule <> 'main_holder'
        ) as published_count
)

select
    model_name,
    staged_count,
    published_count
from counted
where staged_count <> published_count
