-- Customers of equal recency, frequency or monetary value have one score, and a better value never a worse one.
with

scored as (
    select * from {{ ref('mart_rfm') }}
    where rfm_cell is not null
),

measured as (
    select
        'recency' as measure,
        -recency_days as measured_value,
        recency_score as score
    from scored
    union all
    select
        'frequency' as measure,
        frequency_count as measured_value,
        frequency_score as score
    from scored
    union all
    select
        'monetary' as measure,
        monetary_amount as measured_value,
        monetary_score as score
    from scored
),

ranges as (
    select
        measure,
        score,
        min(measured_value) as lowest,
        max(measured_value) as highest
    from measured
    group by
        measure,
        score
)

select
    lower_score.measure,
    lower_score.score as lower_score,
    higher_score.score as higher_score
from ranges as lower_score
inner join ranges as higher_score
    on
        lower_score.measure = higher_score.measure
        and lower_score.score < higher_score.score
        and lower_score.highest >= higher_score.lowest
