-- One row per customer, attribute and interval: the source record whose value stands for the customer.

-- What a delivery says of an attribute. An address travels with its area, a calendar with its date.
{% set attribute_value -%}
    case rules.attribute_code
        when 'customer_name' then deliveries.customer_name
        when 'party_type' then deliveries.party_type_code
        when 'sex' then deliveries.sex_code
        when 'birth_date' then cast(deliveries.birth_date as {{ dbt.type_string() }})
        when 'phone' then deliveries.phone
        when 'email' then deliveries.email
        when 'area' then deliveries.area_id
        when 'occupation' then deliveries.occupation
        when 'income_band' then deliveries.income_band
        when 'branch' then deliveries.branch_id
        when 'manager' then deliveries.manager_id
    end
{%- endset %}
{% set companion_value -%}
    case
        when rules.attribute_code = 'area' then deliveries.address
        when rules.attribute_code = 'birth_date' and deliveries.birth_date is not null
            then deliveries.birth_calendar
    end
{%- endset %}

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
        {{ attribute_value }} as attribute_value,
        {{ companion_value }} as companion_value,
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

moments as (
    select distinct
        customer_number,
        attribute_number,
        delivery_date as valid_from
    from changed
),

winners as (
    select
        moments.customer_number,
        moments.attribute_number,
        min(candidates.place) as place,
        moments.valid_from
    from moments
    inner join candidates
        on
            moments.customer_number = candidates.customer_number
            and moments.attribute_number = candidates.attribute_number
            and moments.valid_from >= candidates.delivery_date
            and moments.valid_from < coalesce(candidates.changed_again_date, date '9999-12-31')
    group by
        moments.customer_number,
        moments.attribute_number,
        moments.valid_from
),

-- Another loser is no change.
new_winners as (
    select *
    from winners
    qualify lag(place) over (
        partition by customer_number, attribute_number
        order by valid_from
    ) is distinct from place
),

intervals as (
    select
        *,
        lead(valid_from) over (
            partition by customer_number, attribute_number
            order by valid_from
        ) as valid_to
    from new_winners
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
        {{ attribute_value }} as attribute_value,
        {{ companion_value }} as companion_value,
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
