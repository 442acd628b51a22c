-- One row per mailed piece that names no customer, to a name and full address that one customer alone had on its day.
with

mailings as (
    select
        mailing_id,
        recipient_name,
        address,
        mailed_date
    from {{ ref('stg_dm__mailings') }}
    where customer_source_id is null
),

deliveries as (
    select
        customer_source_id,
        customer_name,
        address,
        delivery_date as valid_from,
        lead(delivery_date) over (
            partition by customer_source_id
            order by delivery_date
        ) as valid_to
    from {{ ref('base_branch__customers') }}
),

addresses as (
    select * from {{ ref('stg_resolution__addresses') }}
    where
        district is not null
        and street is not null
        and house_number is not null
),

names as (
    select * from {{ ref('stg_resolution__names') }}
    where plain_name is not null
),

identity as (
    select * from {{ ref('int_customer__identity') }}
),

pieces as (
    select
        mailings.mailing_id,
        mailings.mailed_date,
        names.plain_name,
        addresses.district,
        addresses.town,
        addresses.street,
        addresses.house_number
    from mailings
    inner join names on mailings.recipient_name = names.name
    inner join addresses on mailings.address = addresses.address
),

residents as (
    select
        deliveries.customer_source_id,
        names.plain_name,
        addresses.district,
        addresses.town,
        addresses.street,
        addresses.house_number,
        deliveries.valid_from,
        deliveries.valid_to
    from deliveries
    inner join names on deliveries.customer_name = names.name
    inner join addresses on deliveries.address = addresses.address
),

-- The number of a house holds building and unit. A road's address may go without its town.
final as (
    select
        pieces.mailing_id,
        min(identity.customer_id) as customer_id
    from pieces
    inner join residents
        on
            pieces.plain_name = residents.plain_name
            and pieces.district = residents.district
            and pieces.street = residents.street
            and pieces.house_number = residents.house_number
            and coalesce(pieces.town, residents.town, '') = coalesce(residents.town, pieces.town, '')
            and pieces.mailed_date >= residents.valid_from
            and pieces.mailed_date < coalesce(residents.valid_to, date '9999-12-31')
    inner join identity on residents.customer_source_id = identity.customer_source_id
    group by pieces.mailing_id
    having count(distinct identity.customer_id) = 1
)

select * from final
