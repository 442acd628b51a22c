-- One row per customer who lives in a household with another one, as the records now stand.
with

golden as (
    select * from {{ ref('int_customer__golden_attribute') }}
),

records as (
    select * from {{ ref('stg_resolution__records') }}
),

phones as (
    select * from {{ ref('stg_resolution__phones') }}
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

-- An address without building and unit may be a whole apartment block, and a firm lives nowhere.
dwellings as (
    select
        golden.customer_id,
        {{ surrogate_key([
            'records.region_code',
            'records.town',
            'records.street',
            'records.house_number',
        ]) }} as dwelling_key,
        golden.valid_from
    from golden
    inner join records on golden.customer_source_id = records.customer_source_id
    where
        golden.attribute_code = 'area'
        and golden.valid_to is null
        and records.has_unit
        and records.region_code is not null
        and records.street is not null
        and records.house_number is not null
        and coalesce(records.party_type_code, 'person') <> 'corporation'
),

numbers as (
    select
        identity.customer_id,
        phones.phone,
        min(phones.valid_from) as valid_from
    from phones
    inner join identity on phones.customer_source_id = identity.customer_source_id
    where phones.valid_to is null
    group by
        identity.customer_id,
        phones.phone
),

-- The second tie is a number that is shared at one door; a surname proves nothing.
ties as (
    select
        dwellings.customer_id,
        dwellings.dwelling_key,
        numbers.phone,
        greatest(dwellings.valid_from, numbers.valid_from) as valid_from
    from dwellings
    inner join numbers on dwellings.customer_id = numbers.customer_id
),

arrivals as (
    select
        customer_id,
        dwelling_key,
        valid_from,
        row_number() over (
            partition by dwelling_key, phone
            order by valid_from, customer_id
        ) as place,
        lead(valid_from) over (
            partition by dwelling_key, phone
            order by valid_from, customer_id
        ) as next_valid_from
    from ties
),

-- Two make a household: whoever came first belongs to it from the day on which the second came.
shared as (
    select
        customer_id,
        dwelling_key,
        case when place = 1 then next_valid_from else valid_from end as valid_from
    from arrivals
),

members as (
    select
        customer_id,
        dwelling_key,
        min(valid_from) as valid_from
    from shared
    where valid_from is not null
    group by
        customer_id,
        dwelling_key
),

-- More than eight behind one door are a hostel, or an address that somebody fills in for everybody.
guarded as (
    select
        *,
        first_value(customer_id) over (
            partition by dwelling_key
            order by valid_from, customer_id
        ) as first_customer_id
    from members
    qualify count(*) over (partition by dwelling_key) <= 8
),

-- Named after its first member: a hash of the address would tell the address to whoever tries them all.
final as (
    select
        {{ surrogate_key(["'household'", 'first_customer_id']) }} as household_id,
        customer_id,
        'address_and_phone' as household_rule,
        customer_id = first_customer_id as is_first_member,
        valid_from
    from guarded
)

select * from final
