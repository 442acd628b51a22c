-- The marts of models/marts/customer, by DuckDB alone, after bare_core.sql. `expected_values` is the fitted model's
-- answer per customer (benchmarks/bare_duckdb.py).
create table marts.mart_lifetime_value as
with realised as (
    select customer_id, sum(net_sale_amount) as realised_amount from purchase_days group by customer_id
), valued as (
    select
        dim_customer.customer_id,
        expected.value_model,
        if(expected.customer_id is null, 'no purchase to start from', expected.expected_value_reason) as reason,
        coalesce(realised.realised_amount, 0)::decimal(18, 2) as realised_amount,
        expected.expected_value_amount::decimal(18, 2) as expected_12_months_amount,
        expected.probability_alive,
        expected.expected_purchase_count,
        expected.expected_spend_amount::decimal(18, 2) as expected_spend_amount,
    from core.dim_customer_current as dim_customer
    left join realised using (customer_id)
    left join expected_values as expected using (customer_id)
    where dim_customer.customer_id not in ('-1', '-2', '-3')
)
select
    customer_id,
    'USD' as currency,
    'net_sale' as value_rule,
    value_model,
    reason as expected_value_reason,
    realised_amount,
    expected_12_months_amount,
    (realised_amount + expected_12_months_amount)::decimal(18, 2) as lifetime_value_amount,
    probability_alive,
    expected_purchase_count,
    expected_spend_amount,
    getvariable('complete_date') as complete_date,
from valued;

create table marts.mart_rfm as
with bounds as (
    select getvariable('complete_date') as last_date, (last_date - interval 364 days)::date as first_date
), recent as (
    select
        purchase_days.customer_id,
        count(*) filter (net_sale_amount > 0) as frequency_count,
        sum(net_sale_amount)::decimal(18, 2) as monetary_amount,
    from purchase_days, bounds
    where purchase_days.purchase_date between bounds.first_date and bounds.last_date
    group by all
), measured as (
    select
        dim_customer.customer_id,
        last_purchases.last_purchase_date,
        bounds.last_date - last_purchases.last_purchase_date as recency_days,
        coalesce(recent.frequency_count, 0) as frequency_count,
        coalesce(recent.monetary_amount, 0)::decimal(18, 2) as monetary_amount,
    from core.dim_customer_current as dim_customer
    cross join bounds
    left join recent using (customer_id)
    left join (
        select customer_id, max(purchase_date) as last_purchase_date
        from purchase_days
        where net_sale_amount > 0
        group by all
    ) as last_purchases using (customer_id)
    where dim_customer.customer_id not in ('-1', '-2', '-3')
), long as (
    unpivot (
        select
            customer_id,
            recency_days::decimal(18, 2) as recency,
            frequency_count::decimal(18, 2) as frequency,
            monetary_amount as monetary,
        from measured
        where frequency_count > 0
    ) on recency, frequency, monetary into name measure value measured_value
), cuts as (
    select
        measure,
        list(measured_value order by measured_value) as ordered,
        [ordered[1 + ceil((len(ordered) - 1) * fifth / 5.0)::bigint] for fifth in [1, 2, 3, 4]] as cut_points,
    from long
    group by measure
), scores as (
    select
        long.customer_id,
        long.measure,
        1 + len(list_filter(cuts.cut_points, lambda cut: long.measured_value > cut)) as fifth,
        if(long.measure = 'recency', 6 - fifth, fifth)::integer as score,
    from long
    inner join cuts using (measure)
), empty as (
    select string_agg(measure || ' leaves ' || empty_scores || ' empty', '; ' order by position) as empty_scores_note
    from (
        select
            measures.position,
            measures.measure,
            string_agg(possible.score::varchar, ', ' order by possible.score) as empty_scores,
        from (values (1, 'recency'), (2, 'frequency'), (3, 'monetary')) as measures (position, measure)
        cross join generate_series(1, 5) as possible (score)
        anti join scores on measures.measure = scores.measure and possible.score = scores.score
        group by all
    )
    where exists (from scores)
), customer_scores as (
    pivot scores on measure in ('recency', 'frequency', 'monetary') using max(score) group by customer_id
), segments as (
    from read_csv(getvariable('seeds') || '/rfm_segments.csv')
)
select
    measured.customer_id,
    customer_scores.recency::varchar || customer_scores.frequency || customer_scores.monetary as rfm_cell,
    coalesce(segments.segment_code, no_sale.segment_code) as segment_code,
    coalesce(segments.segment_label, no_sale.segment_label) as segment_label,
    'USD' as currency,
    'net_sale' as monetary_rule,
    'stated' as initiation_rule,
    empty.empty_scores_note,
    measured.recency_days,
    measured.frequency_count,
    measured.monetary_amount,
    customer_scores.recency as recency_score,
    customer_scores.frequency as frequency_score,
    customer_scores.monetary as monetary_score,
    measured.last_purchase_date,
    bounds.first_date as window_start_date,
    bounds.last_date as window_end_date,
from measured
cross join bounds
cross join empty
cross join (from segments where recency_minimum is null) as no_sale
left join customer_scores using (customer_id)
left join segments
    on customer_scores.recency between segments.recency_minimum and segments.recency_maximum
    and customer_scores.frequency between segments.frequency_minimum and segments.frequency_maximum
    and customer_scores.monetary between segments.monetary_minimum and segments.monetary_maximum;
