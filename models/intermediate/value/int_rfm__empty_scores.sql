-- One row for the company: which scores of RFM no customer has, because too many share a value.
with

scores as (
    select * from {{ ref('int_rfm__scores') }}
),

measures as (
    select
        1 as measure_order,
        'recency' as measure
    union all
    select
        2 as measure_order,
        'frequency' as measure
    union all
    select
        3 as measure_order,
        'monetary' as measure
),

five as (
    select 1 as score
    union all
    select 2 as score
    union all
    select 3 as score
    union all
    select 4 as score
    union all
    select 5 as score
),

possible as (
    select
        measures.measure_order,
        measures.measure,
        five.score
    from measures
    cross join five
),

empty as (
    select
        possible.measure_order,
        possible.measure,
        {{ dbt.listagg('cast(possible.score as ' ~ dbt.type_string() ~ ')', "', '", 'order by possible.score') }}
            as scores
    from possible
    left join scores
        on possible.measure = scores.measure and possible.score = scores.score
    where scores.customer_id is null
    group by
        possible.measure_order,
        possible.measure
),

final as (
    select
        {{ dbt.listagg("measure || ' leaves ' || scores || ' empty'", "'; '", 'order by measure_order') }}
            as empty_scores_note
    from empty
    -- Where nobody is scored, no measure is to blame.
    where exists (select 1 from scores)
)

select * from final
