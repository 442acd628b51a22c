-- Nobody is contactable who did not grant it, for that channel or for all, as known by the end of the complete date.
with

answers as (
    {%- for channel in ['dm', 'email', 'sms', 'push', 'outbound_call'] %}
        select
            customer_id,
            '{{ channel }}' as channel_code,
            complete_date
        from {{ ref('mart_contactability') }}
        where is_contactable_{{ channel }} or is_contactable_{{ channel }}_at_night
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}
),

grants as (
    select * from {{ ref('fct_consent_event') }}
    where
        action_code = 'granted'
        and purpose_code = 'marketing'
        and not is_night
)

select
    answers.customer_id,
    answers.channel_code
from answers
left join grants
    on
        answers.customer_id = grants.customer_id
        and (grants.is_all_channels or answers.channel_code = grants.channel_code)
        and answers.complete_date >= grants.valid_date
        and answers.complete_date >= grants.recorded_date
group by
    answers.customer_id,
    answers.channel_code
having count(grants.consent_event_id) = 0
