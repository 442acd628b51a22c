-- One row for the company: which scores of RFM no customer has, because too many share a value.
with

scores as (
    select * from {{ ref('int_rfm__scores') }}
),

measures as (
    select 1 as position, 'recency' as measure
    union all
    select 2 as position, 'frequency' as measure
    union all
    select 3 as position, 'monetary' as measure
),

possible as (
    select
        measures.position,
        measures.measure,
        possible_scores.score
    from measures
    cross join (
        select 1 as score
        union all
        select 2
        union all
        select 3
        union all
        select 4
        union all
        select 5
    ) as possible_scores
),

empty as (
    select
        possible.position,
        possible.measure,
        {{ dbt.listagg('cast(possible.score as ' ~ dbt.type_string() ~ ')', "', '", 'order by possible.score') }}
            as scores
    from possible
    left join scores
        on possible.measure = scores.measure and possible.score = scores.score
    where scores.customer_id is null
    group by
        possible.position,
        possible.measure
),

final as (
    select
        {{ dbt.listagg("measure || ' leaves ' || scores || ' empty'", "'; '", 'order by position') }}
            as empty_scores_note
    from empty
    -- Where nobody is scored, no measure is to blame.
    where exists (select 1 from scores)
)

select * from final
