-- An unsent treatment says why; a control left alone carries no cost. A warning: costs are the source's.
{{ config(severity='warn') }}

select
    contact_id,
    assignment_code,
    not_sent_reason,
    cost_amount
from {{ ref('fct_contact') }}
where
    (assignment_code = 'treatment' and not is_sent and not_sent_reason is null)
    or (is_control and not is_sent and cost_amount <> 0)
