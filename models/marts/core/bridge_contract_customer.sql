-- One row per contract, source customer record, role and start of validity.
with

holders as (
    select * from {{ ref('stg_branch__contract_holders') }}
),

contracts as (
    select * from {{ ref('dim_contract') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

company as (
    select max(complete_date) as complete_date from {{ ref('stg_ledger__company') }}
),

-- A role is weighed against the owners on its last valid day up to the complete date.
roles as (
    select
        holders.*,
        holders.holder_role in ('holder', 'joint_holder') as is_owner,
        greatest(
            holders.valid_from,
            least(
                coalesce(cast({{ dbt.dateadd('day', -1, 'holders.valid_to') }} as date), date '9999-12-31'),
                coalesce(company.complete_date, date '9999-12-31')
            )
        ) as weighed_date
    from holders
    cross join company
),

owner_counts as (
    select
        roles.contract_holder_id,
        count(owners.contract_holder_id) as owner_count,
        count(owners.share) as stated_share_count,
        sum(case when owners.contract_holder_id < roles.contract_holder_id then 1 else 0 end)
            as earlier_owner_count
    from roles
    left join roles as owners
        on
            roles.contract_id = owners.contract_id
            and owners.is_owner
            and roles.weighed_date >= owners.valid_from
            and roles.weighed_date < coalesce(owners.valid_to, date '9999-12-31')
    group by roles.contract_holder_id
),

ruled as (
    select
        roles.*,
        owner_counts.owner_count,
        owner_counts.earlier_owner_count,
        case
            when owner_counts.owner_count > 0 and owner_counts.stated_share_count = owner_counts.owner_count
                then 'stated'
            when roles.is_owner then 'equal_shares'
            else 'role_without_share'
        end as share_rule,
        cast(1.0 / nullif(owner_counts.owner_count, 0) as decimal(9, 6)) as equal_share
    from roles
    inner join owner_counts on roles.contract_holder_id = owner_counts.contract_holder_id
),

-- Rounding leaves a remainder; the first owner takes it, so that equal shares add up to exactly 1.
stated_holders as (
    select
        ruled.contract_holder_id,
        coalesce(contracts.contract_id, '-1') as contract_id,
        coalesce(identity.customer_id, '-1') as customer_id,
        ruled.holder_role,
        case
            when ruled.share_rule = 'stated' then coalesce(ruled.share, 0)
            when ruled.share_rule = 'role_without_share' or ruled.owner_count = 0 then 0
            when ruled.earlier_owner_count = 0 then 1 - ruled.equal_share * (ruled.owner_count - 1)
            else ruled.equal_share
        end as share,
        ruled.share_rule,
        ruled.valid_from,
        ruled.valid_to
    from ruled
    left join contracts on ruled.contract_id = contracts.contract_id
    left join identity on ruled.customer_source_id = identity.customer_source_id
),

main_holders as (
    select
        {{ surrogate_key(["'main_holder'", 'contracts.contract_id']) }} as contract_holder_id,
        contracts.contract_id,
        contracts.customer_id,
        'holder' as holder_role,
        1 as share,
        'main_holder' as share_rule,
        contracts.signed_date as valid_from,
        contracts.end_date as valid_to
    from contracts
    left join roles
        on
            contracts.contract_id = roles.contract_id
            and roles.is_owner
    where
        roles.contract_id is null
        and contracts.contract_id not in ('-1', '-2')
),

all_holders as (
    select * from stated_holders
    union all
    select * from main_holders
),

final as (
    select
        contract_holder_id,
        contract_id,
        customer_id,
        holder_role,
        {{ code_label('holder_role') }} as holder_role_label,
        share_rule,
        cast(share as decimal(9, 6)) as share,
        valid_from,
        valid_to
    from all_holders
)

select * from final
