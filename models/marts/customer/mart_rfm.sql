-- One row per known customer: recency, frequency and monetary value at the complete date, scored and named.
with

recent_activity as (
    select * from {{ ref('int_customer__recent_activity') }}
),

scores as (
    select * from {{ ref('int_rfm__scores') }}
),

empty_scores as (
    select * from {{ ref('int_rfm__empty_scores') }}
),

segments as (
    select * from {{ ref('rfm_segments') }}
),

company as (
    select max(currency) as currency from {{ ref('stg_ledger__company') }}
),

customer_scores as (
    select
        customer_id,
        max(case when measure = 'recency' then score end) as recency_score,
        max(case when measure = 'frequency' then score end) as frequency_score,
        max(case when measure = 'monetary' then score end) as monetary_score
    from scores
    group by customer_id
),

no_sale as (
    select
        segment_code,
        segment_label
    from segments
    where recency_minimum is null
),

named as (
    select
        customer_scores.*,
        segments.segment_code,
        segments.segment_label
    from customer_scores
    inner join segments
        on
            customer_scores.recency_score between segments.recency_minimum and segments.recency_maximum
            and customer_scores.frequency_score between segments.frequency_minimum and segments.frequency_maximum
            and customer_scores.monetary_score between segments.monetary_minimum and segments.monetary_maximum
),

final as (
    select
        recent_activity.customer_id,
        cast(
            cast(named.recency_score as {{ dbt.type_string() }})
            || cast(named.frequency_score as {{ dbt.type_string() }})
            || cast(named.monetary_score as {{ dbt.type_string() }})
            as {{ dbt.type_string() }}
        ) as rfm_cell,
        coalesce(named.segment_code, no_sale.segment_code) as segment_code,
        coalesce(named.segment_label, no_sale.segment_label) as segment_label,
        company.currency,
        recent_activity.monetary_rule,
        recent_activity.initiation_rule,
        empty_scores.empty_scores_note,
        recent_activity.recency_days,
        recent_activity.frequency_count,
        recent_activity.monetary_amount,
        cast(named.recency_score as integer) as recency_score,
        cast(named.frequency_score as integer) as frequency_score,
        cast(named.monetary_score as integer) as monetary_score,
        recent_activity.last_purchase_date,
        recent_activity.window_start_date,
        recent_activity.window_end_date
    from recent_activity
    cross join no_sale
    cross join empty_scores
    cross join company
    left join named on recent_activity.customer_id = named.customer_id
)

select * from final
