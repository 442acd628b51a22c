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

channels as (
    select distinct channel_code from answers
),

-- One row for each channel, for a join of either one or all would compare everybody with everybody.
grants as (
    select
        consents.customer_id,
        channels.channel_code,
        consents.valid_date,
        consents.recorded_date
    from {{ ref('fct_consent_event') }} as consents
    inner join channels
        on consents.is_all_channels or consents.channel_code = channels.channel_code
    where
        consents.action_code = 'granted'
        and consents.purpose_code = 'marketing'
        and not consents.is_night
)

select
    answers.customer_id,
    answers.channel_code
from answers
left join grants
    on
        answers.customer_id = grants.customer_id
        and answers.channel_code = grants.channel_code
        and answers.complete_date >= grants.valid_date
        and answers.complete_date >= grants.recorded_date
where grants.customer_id is null
