-- Every one of the 125 cells lies within exactly one rule, a code has one label, and one rule names no sale.
with

segments as (
    select * from {{ ref('rfm_segments') }}
),

scores as (
    select 1 as score
    union all
    select 2
    union all
    select 3
    union all
    select 4
    union all
    select 5
),

cells as (
    select
        recency.score as recency_score,
        frequency.score as frequency_score,
        monetary.score as monetary_score
    from scores as recency
    cross join scores as frequency
    cross join scores as monetary
),

covered as (
    select
        cells.recency_score,
        cells.frequency_score,
        cells.monetary_score,
        count(segments.segment_rule) as rule_count
    from cells
    left join segments
        on
            cells.recency_score between segments.recency_minimum and segments.recency_maximum
            and cells.frequency_score between segments.frequency_minimum and segments.frequency_maximum
            and cells.monetary_score between segments.monetary_minimum and segments.monetary_maximum
    group by
        cells.recency_score,
        cells.frequency_score,
        cells.monetary_score
)

select
    'cell ' || recency_score || frequency_score || monetary_score as failing,
    rule_count
from covered
where rule_count <> 1
union all
select
    'labels of ' || segment_code as failing,
    count(distinct segment_label) as rule_count
from segments
group by segment_code
having count(distinct segment_label) <> 1
union all
select
    'rules without limits' as failing,
    count(*) as rule_count
from segments
where recency_minimum is null
having count(*) <> 1
