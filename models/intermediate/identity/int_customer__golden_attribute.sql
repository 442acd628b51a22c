-- One row per customer, attribute and interval: the source record whose value stands for the customer.
with

deliveries as (
    select * from {{ ref('base_branch__customers') }}
),

-- Numbers in place of keys made of text, by which millions of rows are sorted in less than half the time.
rules as (
    select
        *,
        row_number() over (order by attribute_code) as attribute_number
    from {{ ref('survivorship_rules') }}
),

records as (
    select
        *,
        row_number() over (order by customer_system, customer_key) as record_number
    from {{ ref('int_customer__identity') }}
),

numbered_records as (
    select
        *,
        min(record_number) over (partition by customer_id) as customer_number
    from records
),

delivery_counts as (
    select
        numbered_records.customer_number,
        count(*) as delivery_count
    from deliveries
    inner join numbered_records on deliveries.customer_source_id = numbered_records.customer_source_id
    group by numbered_records.customer_number
),

numbered_deliveries as (
    select
        deliveries.*,
        numbered_records.customer_number,
        numbered_records.record_number,
        delivery_counts.delivery_count
    from deliveries
    inner join numbered_records on deliveries.customer_source_id = numbered_records.customer_source_id
    inner join delivery_counts on numbered_records.customer_number = delivery_counts.customer_number
),

stated as (
    select
        deliveries.customer_number,
        deliveries.record_number,
        rules.attribute_number,
        {{ survivorship_value('rules.attribute_code', 'deliveries') }} as attribute_value,
        {{ survivorship_companion('rules.attribute_code', 'deliveries') }} as companion_value,
        deliveries.delivery_date
    from numbered_deliveries as deliveries
    cross join rules
    where deliveries.delivery_count > 1
),

-- A record's value is as old as the delivery that changed it: one that repeats it does not renew it.
changed as (
    select *
    from stated
    window
        deliveries_of_record as (
            partition by record_number, attribute_number
            order by delivery_date
        )
    qualify
        lag(delivery_date) over deliveries_of_record is null
        or attribute_value is distinct from lag(attribute_value) over deliveries_of_record
        or companion_value is distinct from lag(companion_value) over deliveries_of_record
),

judged as (
    select
        changed.*,
        rules.first_rule,
        rules.second_rule,
        rules.third_rule,
        lead(changed.delivery_date) over (
            partition by changed.record_number, changed.attribute_number
            order by changed.delivery_date
        ) as changed_again_date,
        case when changed.attribute_value is null and changed.companion_value is null then 1 else 0 end
            as missing_rank,
        -- Systems stand in their order between blanks; one that is not named comes after all that are.
        coalesce(
            nullif(
                position(' ' || numbered_records.customer_system || ' ' in ' ' || rules.source_systems || ' '),
                0
            ),
            999999
        ) as source_rank,
        {{ days_between('changed.delivery_date', "date '9999-12-31'") }} as recency_rank,
        -coalesce(length(changed.attribute_value), 0) - coalesce(length(changed.companion_value), 0)
            as completeness_rank
    from changed
    inner join numbered_records on changed.record_number = numbered_records.record_number
    inner join rules on changed.attribute_number = rules.attribute_number
),

-- Which of two values goes before the other is the same on every day on which both are said.
candidates as (
    select
        customer_number,
        attribute_number,
        record_number,
        attribute_value,
        companion_value,
        delivery_date,
        changed_again_date,
        row_number() over (
            partition by customer_number, attribute_number
            order by
                missing_rank asc,
                {{ survivorship_rank('first_rule') }} asc,
                {{ survivorship_rank('second_rule') }} asc,
                {{ survivorship_rank('third_rule') }} asc,
                record_number asc,
                delivery_date asc
        ) as place
    from judged
),

intervals as (
    {{ winning_intervals(
        'candidates', ['customer_number', 'attribute_number'], 'delivery_date', 'changed_again_date'
    ) }}
),

settled as (
    select
        candidates.record_number,
        candidates.attribute_number,
        candidates.attribute_value,
        candidates.companion_value,
        candidates.delivery_date as stated_date,
        intervals.valid_from,
        intervals.valid_to
    from intervals
    inner join candidates
        on
            intervals.customer_number = candidates.customer_number
            and intervals.attribute_number = candidates.attribute_number
            and intervals.place = candidates.place

    union all

    -- Most customers were delivered once: what that says is theirs, and nothing has to be sorted for it.
    select
        deliveries.record_number,
        rules.attribute_number,
        {{ survivorship_value('rules.attribute_code', 'deliveries') }} as attribute_value,
        {{ survivorship_companion('rules.attribute_code', 'deliveries') }} as companion_value,
        deliveries.delivery_date as stated_date,
        deliveries.delivery_date as valid_from,
        cast(null as date) as valid_to
    from numbered_deliveries as deliveries
    cross join rules
    where deliveries.delivery_count = 1
),

final as (
    select
        numbered_records.customer_id,
        numbered_records.customer_source_id,
        rules.attribute_code,
        settled.attribute_value,
        settled.companion_value,
        settled.stated_date,
        settled.valid_from,
        settled.valid_to
    from settled
    inner join numbered_records on settled.record_number = numbered_records.record_number
    inner join rules on settled.attribute_number = rules.attribute_number
)

select * from final
