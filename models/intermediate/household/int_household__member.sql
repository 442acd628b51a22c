-- One row per customer and interval in which it lives in a household with another one.
with

golden as (
    select * from {{ ref('int_customer__golden_attribute') }}
),

addresses as (
    select * from {{ ref('stg_resolution__addresses') }}
),

phones as (
    select * from {{ ref('stg_resolution__phones') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

corporations as (
    select customer_id
    from golden
    where
        attribute_code = 'party_type'
        and attribute_value = 'corporation'
        and valid_to is null
),

-- An address without building and unit may be a whole apartment block, and a firm lives nowhere.
dwellings as (
    select
        golden.customer_id,
        {{ surrogate_key([
            'coalesce(addresses.district, golden.attribute_value)',
            'addresses.town',
            'addresses.street',
            'addresses.house_number',
        ]) }} as dwelling_key,
        golden.attribute_value as area_id,
        golden.valid_from,
        golden.valid_to
    from golden
    inner join addresses on golden.companion_value = addresses.address
    left join corporations on golden.customer_id = corporations.customer_id
    where
        golden.attribute_code = 'area'
        and coalesce(addresses.district, golden.attribute_value) is not null
        and addresses.has_unit
        and addresses.street is not null
        and addresses.house_number is not null
        and corporations.customer_id is null
),

numbers_of_records as (
    select
        identity.customer_id,
        phones.phone,
        phones.valid_from,
        phones.valid_to
    from phones
    inner join identity on phones.customer_source_id = identity.customer_source_id
),

numbers as (
    {{ merged_intervals('numbers_of_records', ['customer_id', 'phone']) }}
),

-- The second tie is a number that is shared at one door; a surname proves nothing.
ties as (
    select
        dwellings.customer_id,
        dwellings.dwelling_key,
        numbers.phone,
        greatest(dwellings.valid_from, numbers.valid_from) as valid_from,
        nullif(
            least(
                coalesce(dwellings.valid_to, date '9999-12-31'),
                coalesce(numbers.valid_to, date '9999-12-31')
            ),
            date '9999-12-31'
        ) as valid_to
    from dwellings
    inner join numbers
        on
            dwellings.customer_id = numbers.customer_id
            and dwellings.valid_from < coalesce(numbers.valid_to, date '9999-12-31')
            and numbers.valid_from < coalesce(dwellings.valid_to, date '9999-12-31')
),

shared_numbers as (
    {{ shared_intervals('ties', ['dwelling_key', 'phone']) }}
),

shared_days as (
    {{ merged_intervals('shared_numbers', ['dwelling_key', 'phone']) }}
),

-- Two make a household: the first belongs to it from the day on which the second came, until all others left.
-- A family or a bundle that a feed declares would be a tie of its own here, under a rule of its own; no feed does yet.
shared as (
    select
        ties.customer_id,
        ties.dwelling_key,
        greatest(ties.valid_from, shared_days.valid_from) as valid_from,
        nullif(
            least(
                coalesce(ties.valid_to, date '9999-12-31'),
                coalesce(shared_days.valid_to, date '9999-12-31')
            ),
            date '9999-12-31'
        ) as valid_to
    from ties
    inner join shared_days
        on
            ties.dwelling_key = shared_days.dwelling_key
            and ties.phone = shared_days.phone
            and ties.valid_from < coalesce(shared_days.valid_to, date '9999-12-31')
            and shared_days.valid_from < coalesce(ties.valid_to, date '9999-12-31')
),

members as (
    {{ merged_intervals('shared', ['customer_id', 'dwelling_key']) }}
),

-- As long as one member stays, it is the same household, even if all others come and go.
spells as (
    {{ merged_intervals('members', ['dwelling_key']) }}
),

-- More than eight behind one door are a hostel, or an address that somebody fills in for everybody.
guarded as (
    select
        members.*,
        first_value(members.customer_id) over (
            partition by members.dwelling_key, spells.valid_from
            order by members.valid_from, members.customer_id
        ) as first_customer_id
    from members
    inner join spells
        on
            members.dwelling_key = spells.dwelling_key
            and members.valid_from >= spells.valid_from
            and members.valid_from < coalesce(spells.valid_to, date '9999-12-31')
    qualify count(distinct members.customer_id) over (partition by members.dwelling_key, spells.valid_from) <= 8
),

-- Who founds a household at another door later, founds another household.
founded as (
    select
        first_customer_id,
        dwelling_key,
        row_number() over (
            partition by first_customer_id
            order by min(valid_from), dwelling_key
        ) as household_number
    from guarded
    group by
        first_customer_id,
        dwelling_key
),

areas as (
    select
        customer_id,
        dwelling_key,
        max(area_id) as area_id
    from dwellings
    group by
        customer_id,
        dwelling_key
),

-- Named after its first member: a hash of the address could be guessed by trying all addresses.
final as (
    select
        {{ surrogate_key(["'household'", 'guarded.first_customer_id', 'founded.household_number']) }} as household_id,
        guarded.customer_id,
        'address_and_phone' as household_rule,
        areas.area_id,
        guarded.customer_id = guarded.first_customer_id as is_first_member,
        guarded.valid_from,
        guarded.valid_to
    from guarded
    inner join founded
        on
            guarded.first_customer_id = founded.first_customer_id
            and guarded.dwelling_key = founded.dwelling_key
    left join areas
        on
            guarded.customer_id = areas.customer_id
            and guarded.dwelling_key = areas.dwelling_key
)

select * from final
