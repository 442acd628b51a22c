-- A call or contact is attributed to a known customer, and never without a reason.
with

facts as (
    select
        'fct_call' as model_name,
        call_id as fact_id,
        customer_id,
        customer_attribution_code
    from {{ ref('fct_call') }}
    union all
    select
        'fct_contact' as model_name,
        contact_id as fact_id,
        customer_id,
        customer_attribution_code
    from {{ ref('fct_contact') }}
)

select
    model_name,
    fact_id,
    customer_id,
    customer_attribution_code
from facts
where (customer_id = '-1') <> (customer_attribution_code = 'unknown')
