-- One row per scored customer and measure of RFM.
with

recent_activity as (
    select * from {{ ref('int_customer__recent_activity') }}
    where is_scored
),

measured as (
    select
        customer_id,
        'recency' as measure,
        cast(recency_days as decimal(18, 2)) as measured_value
    from recent_activity
    union all
    select
        customer_id,
        'frequency' as measure,
        cast(frequency_count as decimal(18, 2)) as measured_value
    from recent_activity
    union all
    select
        customer_id,
        'monetary' as measure,
        monetary_amount as measured_value
    from recent_activity
),

ranked as (
    select
        measured.*,
        row_number() over (partition by measured.measure order by measured.measured_value) as place,
        count(*) over (partition by measured.measure) as customer_count
    from measured
),

-- Cut k is the customer k fifths of the way from the first to the last, rounded up: an observed value, so that
-- nothing is interpolated and decimals stay exact.
cut_points as (
    select
        measure,
        max(case when place = 1 + ceil((customer_count - 1) * 1 / 5.0) then measured_value end) as first_cut,
        max(case when place = 1 + ceil((customer_count - 1) * 2 / 5.0) then measured_value end) as second_cut,
        max(case when place = 1 + ceil((customer_count - 1) * 3 / 5.0) then measured_value end) as third_cut,
        max(case when place = 1 + ceil((customer_count - 1) * 4 / 5.0) then measured_value end) as fourth_cut
    from ranked
    group by measure
),

-- Cut by value, not by place: equal values lie on the same side of every cut, at a cut itself on the lower one.
fifths as (
    select
        measured.customer_id,
        measured.measure,
        1
        + case when measured.measured_value > cut_points.first_cut then 1 else 0 end
        + case when measured.measured_value > cut_points.second_cut then 1 else 0 end
        + case when measured.measured_value > cut_points.third_cut then 1 else 0 end
        + case when measured.measured_value > cut_points.fourth_cut then 1 else 0 end as fifth
    from measured
    inner join cut_points on measured.measure = cut_points.measure
),

final as (
    select
        customer_id,
        measure,
        -- Few days since the last purchase are good, few purchases are not.
        case when measure = 'recency' then 6 - fifth else fifth end as score
    from fifths
)

select * from final
