-- The customer's row that a fact carries is of its customer and valid on its day.
with

facts as (
    select
        'fct_call' as model_name,
        customer_id,
        customer_row_id,
        call_date as event_date
    from {{ ref('fct_call') }}
    union all
    select
        'fct_case' as model_name,
        customer_id,
        customer_row_id,
        opened_date as event_date
    from {{ ref('fct_case') }}
    union all
    select
        'fct_consent_event' as model_name,
        customer_id,
        customer_row_id,
        valid_date as event_date
    from {{ ref('fct_consent_event') }}
    union all
    select
        'fct_contact' as model_name,
        customer_id,
        customer_row_id,
        assigned_date as event_date
    from {{ ref('fct_contact') }}
    union all
    select
        'fct_refusal_check' as model_name,
        customer_id,
        customer_row_id,
        checked_date as event_date
    from {{ ref('fct_refusal_check') }}
    union all
    select
        'fct_response' as model_name,
        customer_id,
        customer_row_id,
        response_date as event_date
    from {{ ref('fct_response') }}
    union all
    select
        'fct_transaction' as model_name,
        customer_id,
        customer_row_id,
        transaction_date as event_date
    from {{ ref('fct_transaction') }}
),

customers as (
    select * from {{ ref('dim_customer') }}
)

select
    facts.model_name,
    facts.customer_id,
    facts.event_date
from facts
left join customers on facts.customer_row_id = customers.customer_row_id
where
    customers.customer_row_id is null
    or customers.customer_id <> facts.customer_id
    or (facts.event_date < customers.valid_from and customers.valid_from > date '1900-01-01')
    or facts.event_date >= customers.valid_to
