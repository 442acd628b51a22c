-- The Complete Journey as the star of models/marts/core, by DuckDB alone: no gate, no archive, no ledger, no tests.
-- Variables: `data` (folder of the Parquet files), `seeds` (folder of the reference files), `complete_date`.
set TimeZone = 'UTC';
create schema core;
create schema marts;

create temp macro key_of(system, number) as
    md5(coalesce(length(system)::varchar || ':' || system, '-') || coalesce(':' || number::varchar, '-'));
create temp macro label_of(code) as upper(substr(code, 1, 1)) || replace(substr(code, 2), '_', ' ');
create temp macro instant_of(local) as timezone('UTC', timezone('America/New_York', local::timestamp));
create temp macro day_of(instant) as timezone('America/New_York', timezone('UTC', instant))::date;

create temp table members as
from (values ('-1', 'unknown', 'Unknown'), ('-2', 'not_applicable', 'Not applicable'))
    as members (id, code, label);

-- A customer can be erased; what it points to cannot.
create temp table customer_members as
select id, code, id as reference from members
union all
values ('-3', 'erased', '-2');

create table core.dim_product as
select
    key_of('grocer', product_id) as product_id,
    '-2' as next_product_id,
    'grocer' as source_system,
    product_id::varchar as product_key,
    nullif(trim(nfc_normalize(product_type)), '') as product_name,
    coalesce(nullif(trim(nfc_normalize(product_category)), ''), 'unknown') as product_group,
    coalesce(nullif(trim(nfc_normalize(department)), ''), 'unknown') as business_unit,
    null::decimal(9, 6) as margin_rate,
from read_parquet(getvariable('data') || '/products.parquet')
union all
select id, id, code, id, label, code, code, null from members;

create table core.dim_branch as
with stores as (
    select distinct store_id from read_parquet(getvariable('data') || '/transactions.parquet')
), known as (
    select key_of('grocer', store_id) as id, 'grocer' as system, store_id::varchar as key, null as name, 'branch' as type
    from stores
    union all
    select id, code, id, label, code from members
)
select
    id as branch_id,
    system as source_system,
    key as branch_key,
    name as branch_name,
    type as branch_type_code,
    label_of(type) as branch_type_label,
    null::varchar as province,
    null::varchar as district,
    null::date as opened_date,
    null::date as closed_date,
from known;

create table core.dim_customer as
with households as (
    select distinct household_id from read_parquet(getvariable('data') || '/transactions.parquet')
), known as (
    select
        key_of('grocer', households.household_id) as id,
        '-1' as branch,
        'branch' as channel,
        'person' as party_type,
        'unknown' as code,
        if(version = 1, 'unknown', coalesce(nullif(trim(nfc_normalize(surveyed.income)), ''), 'unknown')) as income_band,
        1::bigint as records,
        if(version = 1, date '1900-01-01', date '2018-01-02') as valid_from,
        if(version = 1 and surveyed.income is not null, date '2018-01-02', null) as valid_to,
    from households
    cross join (values (1), (2)) as versions (version)
    left join read_parquet(getvariable('data') || '/demographics.parquet') as surveyed using (household_id)
    where version = 1 or nullif(trim(nfc_normalize(surveyed.income)), '') is not null
    union all
    select id, reference, reference, code, code, code, 0, date '1900-01-01', null from customer_members
)
select
    -- The survey, dated a day later than all else, is the only change.
    if(id in ('-1', '-2', '-3'), id, key_of(id, valid_from)) as customer_row_id,
    id as customer_id,
    branch as branch_id,
    if(id = '-1', '-1', '-2') as manager_id,
    channel as channel_code,
    party_type as party_type_code,
    label_of(party_type) as party_type_label,
    code as sex_code,
    label_of(code) as sex_label,
    code as age_band_code,
    label_of(code) as age_band_label,
    code as occupation,
    income_band,
    null::varchar as province,
    null::varchar as district,
    null::decimal(18, 2) as area_median_income_amount,
    records as source_record_count,
    valid_to is null as is_current,
    null::date as registered_date,
    valid_from,
    valid_to,
from known;

create table core.dim_customer_current as
select * exclude (is_current, valid_to) from core.dim_customer where is_current;

create table core.dim_campaign as
with known as (
    select
        key_of('direct_mail', campaign_id) as id,
        '-2' as product,
        'dm' as channel,
        'direct_mail' as system,
        campaign_id::varchar as key,
        null as name,
        nullif(trim(nfc_normalize(campaign_type)), '') as type,
        'unknown' as purpose,
        start_date::date as start_date,
        end_date::date as end_date,
    from read_parquet(getvariable('data') || '/campaign_descriptions.parquet')
    union all
    select id, id, id, code, id, label, code, code, null, null from members
)
select
    id as campaign_id,
    product as product_id,
    channel as channel_code,
    system as source_system,
    key as campaign_key,
    name as campaign_name,
    type as campaign_type,
    purpose as purpose_code,
    label_of(purpose) as purpose_label,
    null::integer as response_window_days,
    start_date,
    end_date,
from known;

create table core.fct_transaction as
with lines as (
    select
        basket_id::varchar || '-' || product_id::varchar as key,
        key_of('grocer', household_id) as customer,
        key_of('grocer', product_id) as product,
        key_of('grocer', store_id) as branch,
        quantity::decimal(18, 3) as quantity,
        sales_value::decimal(18, 2) as amount,
        retail_disc::decimal(18, 2) as discount,
        instant_of(transaction_timestamp) as transacted_at,
    from read_parquet(getvariable('data') || '/transactions.parquet')
)
select
    key_of('grocer', key) as transaction_id,
    coalesce(dim_customer.customer_id, '-1') as customer_id,
    coalesce(dim_customer.customer_row_id, '-1') as customer_row_id,
    '-2' as contract_id,
    coalesce(dim_product.product_id, '-1') as product_id,
    coalesce(dim_branch.branch_id, '-1') as branch_id,
    'branch' as channel_code,
    'grocer' as source_system,
    key as transaction_key,
    'purchase' as transaction_type,
    'sale' as amount_role,
    'customer' as initiated_by,
    true as is_customer_initiated,
    lines.quantity,
    lines.amount,
    lines.discount as discount_amount,
    (lines.amount * dim_product.margin_rate)::decimal(18, 2) as margin_amount,
    if(dim_product.margin_rate is null, 'missing', 'product_rate') as margin_rule,
    'USD' as currency,
    day_of(lines.transacted_at) as transaction_date,
    lines.transacted_at,
from lines
left join core.dim_customer
    on lines.customer = dim_customer.customer_id
    and day_of(lines.transacted_at) >= dim_customer.valid_from
    and day_of(lines.transacted_at) < coalesce(dim_customer.valid_to, date '9999-12-31')
left join core.dim_product on lines.product = dim_product.product_id
left join core.dim_branch on lines.branch = dim_branch.branch_id;

create table core.fct_contact as
with contacts as (
    select
        key_of('direct_mail', campaigns.campaign_id || '-' || campaigns.household_id) as id,
        key_of('grocer', campaigns.household_id) as customer,
        key_of('direct_mail', campaigns.campaign_id) as campaign,
        instant_of(descriptions.start_date::date) as assigned_at,
    from read_parquet(getvariable('data') || '/campaigns.parquet') as campaigns
    left join read_parquet(getvariable('data') || '/campaign_descriptions.parquet') as descriptions using (campaign_id)
)
select
    contacts.id as contact_id,
    coalesce(dim_customer.customer_id, '-1') as customer_id,
    coalesce(dim_customer.customer_row_id, '-1') as customer_row_id,
    coalesce(dim_campaign.campaign_id, '-1') as campaign_id,
    'dm' as channel_code,
    if(dim_customer.customer_id is null, 'unknown', 'stated') as customer_attribution_code,
    label_of(customer_attribution_code) as customer_attribution_label,
    'campaign' as origin,
    null::varchar as cell,
    'treatment' as assignment_code,
    'Treatment' as assignment_label,
    if(contacts.assigned_at is null, 'unknown', null) as not_sent_reason,
    null::decimal(18, 2) as cost_amount,
    null::decimal(18, 2) as mailing_cost_amount,
    'missing' as cost_rule,
    0::bigint as mailing_count,
    0::bigint as returned_mailing_count,
    if(contacts.assigned_at is null, 'not_applicable', 'unknown') as delivery_state_code,
    label_of(delivery_state_code) as delivery_state_label,
    'not_applicable' as return_reason_code,
    'Not applicable' as return_reason_label,
    false as is_control,
    contacts.assigned_at is not null as is_sent,
    day_of(contacts.assigned_at) as assigned_date,
    day_of(contacts.assigned_at) as sent_date,
    null::date as mailed_date,
    null::date as returned_date,
    contacts.assigned_at,
    contacts.assigned_at as sent_at,
from contacts
left join core.dim_customer
    on contacts.customer = dim_customer.customer_id
    and coalesce(day_of(contacts.assigned_at), date '1900-01-01') >= dim_customer.valid_from
    and coalesce(day_of(contacts.assigned_at), date '1900-01-01') < coalesce(dim_customer.valid_to, date '9999-12-31')
left join core.dim_campaign on contacts.campaign = dim_campaign.campaign_id;

create table core.fct_response as
with responses as (
    select
        concat_ws('-', household_id, coupon_upc, campaign_id, redemption_date) as key,
        key_of('direct_mail', campaign_id || '-' || household_id) as contact,
        key_of('grocer', household_id) as customer,
        key_of('direct_mail', campaign_id) as campaign,
        instant_of(redemption_date) as responded_at,
    from read_parquet(getvariable('data') || '/coupon_redemptions.parquet')
)
select
    key_of('direct_mail', responses.key) as response_id,
    coalesce(fct_contact.contact_id, '-1') as contact_id,
    coalesce(dim_customer.customer_id, '-1') as customer_id,
    coalesce(dim_customer.customer_row_id, '-1') as customer_row_id,
    coalesce(dim_campaign.campaign_id, '-1') as campaign_id,
    '-2' as contract_id,
    '-2' as transaction_id,
    'campaign' as origin,
    'redemption' as response_type_code,
    'Redemption' as response_type_label,
    (day_of(responses.responded_at) - fct_contact.sent_date)::integer as days_since_contact,
    day_of(responses.responded_at) as response_date,
    responses.responded_at,
from responses
left join core.fct_contact on responses.contact = fct_contact.contact_id
left join core.dim_customer
    on responses.customer = dim_customer.customer_id
    and day_of(responses.responded_at) >= dim_customer.valid_from
    and day_of(responses.responded_at) < coalesce(dim_customer.valid_to, date '9999-12-31')
left join core.dim_campaign on responses.campaign = dim_campaign.campaign_id;

create table core.dim_date as
with bounds as (
    select min(transaction_date) as first_date, max(transaction_date) as last_date from core.fct_transaction
    union all
    select min(assigned_date), max(assigned_date) from core.fct_contact
    union all
    select min(response_date), max(response_date) from core.fct_response
    union all
    select getvariable('complete_date'), getvariable('complete_date') + interval 2 years
), days as (
    select unnest(generate_series(
        date_trunc('year', min(first_date)),
        date_trunc('year', max(last_date)) + interval 1 year - interval 1 day,
        interval 1 day
    ))::date as date_id
    from bounds
)
select
    date_id,
    isodow(date_id)::integer as day_of_week,
    dayname(date_id) as day_of_week_label,
    day(date_id)::integer as day_of_month,
    week(date_id)::integer as iso_week,
    isoyear(date_id)::integer as iso_year,
    month(date_id)::integer as month_of_year,
    monthname(date_id) as month_of_year_label,
    quarter(date_id)::integer as quarter_of_year,
    year(date_id)::integer as calendar_year,
    year(date_id)::integer as fiscal_year,
    quarter(date_id)::integer as fiscal_quarter,
    holidays.holiday_label,
    isodow(date_id) >= 6 as is_weekend,
    holidays.holiday_date is not null as is_holiday,
from days
left join read_csv(getvariable('seeds') || '/korean_holidays.csv') as holidays on days.date_id = holidays.holiday_date;

create temp table purchase_days as
select
    customer_id,
    transaction_date as purchase_date,
    sum(amount)::decimal(18, 2) as net_sale_amount,
from core.fct_transaction
where customer_id not in ('-1', '-2') and transaction_date <= getvariable('complete_date')
group by all;

-- What BG/NBD and Gamma-Gamma need of the past, in weeks.
create temp table histories as
with bought as (
    select *, min(purchase_date) over (partition by customer_id) as first_date
    from purchase_days
    where net_sale_amount > 0
)
select
    customer_id,
    count(*) - 1 as repeat_purchase_count,
    (max(purchase_date) - first_date) / 7::double as last_purchase_weeks,
    (getvariable('complete_date') - first_date) / 7::double as observed_weeks,
    sum(net_sale_amount) filter (purchase_date > first_date)::double / nullif(count(*) - 1, 0) as mean_repeat_amount,
from bought
group by customer_id, first_date;
