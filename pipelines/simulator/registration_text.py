"""How simulated registrations are written down: in all the shapes, and with the errors, of systems and clerks.

SQL over the tables that `registration_draws.py` draws, and `areas`. What is made of it again is `registrations.py`.
"""

from __future__ import annotations

from pipelines.connections import literal
from pipelines.simulator import names
from pipelines.simulator import registration_draws as draws

ROADS = (
    "중앙로 평화로 문화로 태평로 번영로 시청로 역전로 강변로 공원로 대학로 산업로 충무로 "
    "세종대로 한밭대로 동산로 남산로 호수로 벚꽃로 은행로 서문로 북문로 신흥로 양지로 금곡로"
)
LAST_SYLLABLES = "아 경 운 지 호 선 미"


def _chosen(shape: str, *written: tuple[int, str], otherwise: str) -> str:
    """SQL that is one of the expressions, each for so many in a hundred of `shape`."""
    bound, cases = 0, []
    for share, expression in written:
        bound += share
        cases.append(f"when {shape} < {bound} then {expression}")
    return f"case {' '.join(cases)} else {otherwise} end"


def _word(words: str, number: str) -> str:
    """SQL: the word of a number that counts from 0."""
    return f"(list_value({', '.join(literal(word) for word in words.split())}))[{number} + 1]"


def _misspelt(name: str) -> str:
    """SQL: what a clerk hears (names.py); where the name has no such syllable, another last one."""
    heard = " ".join(
        f"when {number} then replace({name}, {literal(right)}, {literal(wrong)})"
        for number, (right, wrong) in enumerate(names.CONFUSED)
    )
    other = _word(LAST_SYLLABLES, "error_shape % 7")
    another = f"if({other} = right({name}, 1), '란', {other})"
    return (
        f"coalesce(nullif(case error_shape % {len(names.CONFUSED)} {heard} end, {name}), "
        f"left({name}, length({name}) - 1) || {another})"
    )


_PERSON_NAME = _chosen(
    "name_shape",
    (70, "called"),
    (12, "left(called, 1) || ' ' || called[2:]"),
    (8, "called || '님'"),
    (3, "called || ' 고객님'"),
    (4, "'  ' || called || ' '"),
    otherwise="called || '(본인)'",
)
_FIRM_NAME = _chosen(
    "name_shape",
    (30, "'(주)' || called"),
    (25, "'주식회사 ' || called"),
    (15, "'㈜' || called"),
    (15, "called || ' (주)'"),
    (5, "called || ' Co., Ltd.'"),
    otherwise="called || ' 주식회사'",
)
_BIRTH_DATE = _chosen(
    "birth_shape",
    (40, "strftime(born, '%Y-%m-%d')"),
    (25, "strftime(born, '%Y%m%d')"),
    (15, "strftime(born, '%Y.%m.%d')"),
    (12, "strftime(born, '%y%m%d')"),
    (5, "strftime(born, '%Y년 %-m월 %-d일')"),
    otherwise="(born - date '1899-12-30')::varchar",
)
_WRONG_BIRTH_DATE = _chosen(
    "error_shape",
    (30, "make_date(year(birth_date), day(birth_date) % 12 + 1, month(birth_date))"),
    (40, "birth_date + (error_shape % 9 + 1)::integer"),
    otherwise="birth_date + to_years(if(error_shape % 2 = 0, 1, -10))",
)
_HOUSE = f"""
    concat(
        case
            when not is_road then ' ' || town
            else ' ' || {_word(ROADS, "road")} || if(side_road < 40, side_road + 1 || '번길', '')
        end,
        ' ', number, if(minor < 15, '-' || minor + 1, ''),
        case
            when not is_flat or unit_is_left_out then ''
            when address_shape % 3 = 0 then ' ' || building || '-' || unit
            when is_road then ', ' || building || '동 ' || unit || '호'
            else ' ' || building || '동 ' || unit || '호'
        end,
        if(is_road, ' (' || town || ')', '')
    )
"""
_SYSTEM = _word(" ".join(draws.SYSTEMS), "system")

_PHONE = _chosen(
    "phone_shape",
    (40, "dialled || '-' || middle || '-' || tail"),
    (25, "dialled || middle || tail"),
    (15, "'+82 ' || dialled[2:] || '-' || middle || '-' || tail"),
    (10, "dialled || '.' || middle || '.' || tail"),
    (5, "translate(dialled || '-' || middle || '-' || tail, '0123456789', '０１２３４５６７８９')"),
    otherwise="'0082 ' || dialled[2:] || ' ' || middle || ' ' || tail",
)

CREATE_WRITTEN = f"""
create temp table written as
with named as (
    select
        people.* exclude (name),
        case
            when people.shares_surname then family_name(heads.name) || given_name(people.name)
            when people.is_corporation then plain_name(people.name)
            else people.name
        end as name
    from people
    inner join people as heads on people.head = heads.person
),
departed as (
    select
        drawn.*,
        named.* exclude (person),
        {_SYSTEM} as source_system,
        left({_SYSTEM}, 1) || lpad((drawn.record * 3 + 1007)::varchar, 9, '0') as record_key,
        named.is_owner and drawn.is_last as is_shop,
        case when drawn.has_name_error then {_misspelt("named.name")} else named.name end as called,
        case
            when drawn.birth_is_missing then null
            when drawn.birth_is_wrong then {_WRONG_BIRTH_DATE}
            else named.birth_date
        end::date as born,
        if(drawn.has_moved, named.person + (select count(*) from people), named.head) as home
    from drawn
    inner join named on drawn.person = named.person
)
select
    md5(length(source_system) || ':' || source_system || ':' || record_key) as record_id,
    source_system,
    record_key,
    person,
    first_delivery_date,
    case when is_corporation then 'corporation' when is_shop then 'sole_proprietor' else 'person' end as party_type,
    case
        when is_corporation then {_FIRM_NAME}
        when is_shop then shop || ' ' || {_PERSON_NAME}
        else {_PERSON_NAME}
    end as customer_name,
    {_BIRTH_DATE} as birth_text,
    case when source_system in ('branch', 'telco') and not is_corporation then if(is_male, 'male', 'female') end as sex,
    case
        when email_is_missing then null
        when email_shape < 80 then 'customer' || person || '@example.com'
        when email_shape < 90 then 'Customer' || person || '@Example.com'
        else ' customer' || person || '@example.com '
    end as email_text,
    if(address_shape < 50, province, short) || ' ' || district || {_HOUSE} as address,
    is_keyed,
    is_corporation,
    (101 + person % 799) || '81' || lpad((person // 799 % 9999 + 1)::varchar, 4, '0') as business_number,
    phone_shape,
    case when phone_is_missing then null when phone_is_other then number_other else number_before end as number_before,
    case when phone_is_missing then null when phone_is_other then number_other else number_after end as number_after,
    case when not phone_is_other then number_changed end as number_changed
from departed
inner join homes on departed.home = homes.home
inner join areas on homes.area = areas.area
"""
"""One row per record as its system has it, with its person; its telephone numbers are not yet written down."""

PHONES_WRITTEN = f"""
with intervals as (
    select
        record_id, is_corporation, phone_shape, number_before as number,
        first_delivery_date as valid_from, number_changed as valid_to
    from written
    where number_changed is null or first_delivery_date < number_changed
    union all
    select
        record_id, is_corporation, phone_shape, number_after, greatest(first_delivery_date, number_changed), null
    from written
    where number_changed is not null
),
parts as (
    select
        *,
        if(is_corporation, '02', '010') as dialled,
        lpad((number // 10000)::varchar, 4, '0') as middle,
        lpad((number % 10000)::varchar, 4, '0') as tail
    from intervals
    where number is not null
)
select record_id, {_PHONE} as phone, valid_from, valid_to from parts
"""
"""One row per record and number, with the dates between which the system had it."""
