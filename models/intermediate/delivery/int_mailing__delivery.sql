-- One row per mailed piece: whether it came back, arrived because nothing came back, or is still open.
with

mailings as (
    select * from {{ ref('stg_dm__mailings') }}
),

returns as (
    select * from {{ ref('stg_dm__returns') }}
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

-- A vendor and the post may both report a piece.
last_returns as (
    select * from returns
    qualify row_number() over (
        partition by mailing_id
        order by returned_date desc, source_system asc
    ) = 1
),

-- Silence means delivery only of a vendor whose returns are reported, and only after a while.
reported_systems as (
    select distinct mailing_system from returns
),

final as (
    select
        mailings.mailing_id,
        last_returns.mailing_id is not null as is_returned,
        last_returns.mailing_id is null
        and reported_systems.mailing_system is not null
        and coalesce(
            {{ days_between('mailings.mailed_date', 'company.complete_date') }} >= {{ var('mailing_return_days') }},
            false
        ) as is_delivered,
        case
            when last_returns.mailing_id is not null then coalesce(last_returns.return_reason_code, 'unknown')
        end as return_reason_code,
        last_returns.returned_date
    from mailings
    cross join company
    left join last_returns on mailings.mailing_id = last_returns.mailing_id
    left join reported_systems on mailings.source_system = reported_systems.mailing_system
)

select * from final
