-- One row per source system and feed: what its current batches brought, and what was held back.
with

loads as (
    select * from {{ ref('stg_ledger__loads') }}
    where is_current
),

overdue as (
    select
        source_system,
        feed,
        count(*) as overdue_delivery_count
    from {{ ref('stg_ledger__shortfalls') }}
    where kind = 'overdue'
    group by
        source_system,
        feed
),

-- Where a contract says how long raw is kept, facts are gone from here on that were loaded.
pruned as (
    select
        loads.source_system,
        loads.feed,
        sum(pruned_batches.rows_pruned) as rows_pruned_count,
        max(pruned_batches.delivered_before) as pruned_before_date
    from loads
    inner join {{ ref('stg_ledger__pruned_batches') }} as pruned_batches on loads.batch_id = pruned_batches.batch_id
    group by
        loads.source_system,
        loads.feed
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

loaded as (
    select
        source_system,
        feed,
        count(*) as batch_count,
        sum(case when verdict = 'loaded' then 1 else 0 end) as loaded_batch_count,
        sum(case when verdict = 'refused' then 1 else 0 end) as refused_batch_count,
        sum(rows_read) as rows_read_count,
        sum(rows_loaded) as rows_loaded_count,
        sum(rows_quarantined) as rows_quarantined_count,
        sum(rows_duplicate) as rows_duplicate_count,
        sum(rows_unchanged) as rows_unchanged_count,
        sum(rows_blocked) as rows_blocked_count,
        sum(rows_fixed) as rows_fixed_count,
        -- Summed totals would let one batch's loss hide behind another's gain: each batch has to balance.
        sum(
            case
                when
                    rows_read
                    = rows_loaded + rows_quarantined + rows_duplicate + rows_unchanged + rows_blocked
                    then 0
                else 1
            end
        ) as unbalanced_batch_count,
        min(delivery_date) as first_delivery_date,
        max(delivery_date) as last_delivery_date
    from loads
    group by
        source_system,
        feed
),

-- A feed that never delivered has no load, and is there because something of it is overdue.
feeds as (
    select
        coalesce(loaded.source_system, overdue.source_system) as source_system,
        coalesce(loaded.feed, overdue.feed) as feed,
        coalesce(overdue.overdue_delivery_count, 0) as overdue_delivery_count,
        coalesce(loaded.batch_count, 0) as batch_count,
        coalesce(loaded.loaded_batch_count, 0) as loaded_batch_count,
        coalesce(loaded.refused_batch_count, 0) as refused_batch_count,
        coalesce(loaded.rows_read_count, 0) as rows_read_count,
        coalesce(loaded.rows_loaded_count, 0) as rows_loaded_count,
        coalesce(loaded.rows_quarantined_count, 0) as rows_quarantined_count,
        coalesce(loaded.rows_duplicate_count, 0) as rows_duplicate_count,
        coalesce(loaded.rows_unchanged_count, 0) as rows_unchanged_count,
        coalesce(loaded.rows_blocked_count, 0) as rows_blocked_count,
        coalesce(loaded.rows_fixed_count, 0) as rows_fixed_count,
        coalesce(loaded.unbalanced_batch_count, 0) as unbalanced_batch_count,
        loaded.first_delivery_date,
        loaded.last_delivery_date
    from loaded
    full outer join overdue
        on
            loaded.source_system = overdue.source_system
            and loaded.feed = overdue.feed
),

final as (
    select
        feeds.source_system,
        feeds.feed,
        case
            when feeds.refused_batch_count > 0 then 'refused batches'
            when feeds.overdue_delivery_count > 0 then 'overdue deliveries'
            when
                feeds.rows_quarantined_count - feeds.rows_fixed_count + feeds.rows_blocked_count > 0
                then 'rows held back'
            else 'complete'
        end as trust_label,
        cast(feeds.batch_count as bigint) as batch_count,
        cast(feeds.loaded_batch_count as bigint) as loaded_batch_count,
        cast(feeds.refused_batch_count as bigint) as refused_batch_count,
        cast(feeds.overdue_delivery_count as bigint) as overdue_delivery_count,
        cast(feeds.rows_read_count as bigint) as rows_read_count,
        cast(feeds.rows_loaded_count as bigint) as rows_loaded_count,
        cast(feeds.rows_quarantined_count as bigint) as rows_quarantined_count,
        cast(feeds.rows_duplicate_count as bigint) as rows_duplicate_count,
        cast(feeds.rows_unchanged_count as bigint) as rows_unchanged_count,
        cast(feeds.rows_blocked_count as bigint) as rows_blocked_count,
        cast(feeds.rows_fixed_count as bigint) as rows_fixed_count,
        cast(coalesce(pruned.rows_pruned_count, 0) as bigint) as rows_pruned_count,
        feeds.unbalanced_batch_count = 0 as is_conserved,
        feeds.first_delivery_date,
        feeds.last_delivery_date,
        pruned.pruned_before_date,
        company.complete_date
    from feeds
    cross join company
    left join pruned
        on
            feeds.source_system = pruned.source_system
            and feeds.feed = pruned.feed
)

select * from final
