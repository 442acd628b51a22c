r"""Dates of the past, such as birth dates, from text in all the shapes that systems and people write.

- `plain_date(text, latest)`, a date: 19931126, 1993-11-26, 1993.11.26, 1993. 1. 6., 1993년 11월 26일, 930126, 93.01.26,
  an instant (its day), or an Excel serial of five digits (days since 1899-12-30, so from 1927-05-18 on)

The pivot of a two-digit year is `latest`: 930126 is the last such day that is not after it. Null where text is no
calendar day, or in an order that may mean two (11/06/1993), or where the day is after `latest` or before
1900-01-02: on 1900-01-01 systems were born, not people.
"""

from pipelines.connections import literal

_SEPARATOR = r"(?: ?[-./년월,] ?| )"
_TIME = r"(?:[T ].*|\.0+)?"
_WHOLE = rf"^(\d{{4}}){_SEPARATOR}(\d{{1,2}}){_SEPARATOR}(\d{{1,2}})(?: ?[.일] ?)?{_TIME}$"
_SHORT = rf"^'?(\d{{2}}){_SEPARATOR}(\d{{1,2}}){_SEPARATOR}(\d{{1,2}})(?: ?[.일] ?)?$"
_SERIAL = r"[1-9]\d{4}(?:\.\d+)?"

MACROS = rf"""
create or replace temp macro day_in_century(short, latest) as
    list_transform(
        [[
            try_cast((year(latest) // 100)::varchar || short as date),
            try_cast((year(latest) // 100 - 1)::varchar || short as date)
        ]],
        lambda days: if(days[1] <= latest, days[1], days[2])
    )[1];
create or replace temp macro plain_date(text, latest) as
    list_transform(
        [list_transform(
            [plain_letters(text)],
            lambda written: case
                when regexp_full_match(written, '\d{{8}}{_TIME}')
                    then try_strptime(left(written, 8), '%Y%m%d')::date
                when regexp_full_match(written, '\d{{6}}')
                    then day_in_century(
                        left(written, 2) || '-' || written[3:4] || '-' || written[5:6], latest
                    )
                when regexp_full_match(written, '{_SERIAL}')
                    then date '1899-12-30' + left(written, 5)::integer
                when regexp_matches(written, {literal(_WHOLE)})
                    then try_cast(regexp_replace(written, {literal(_WHOLE)}, '\1-\2-\3') as date)
                when regexp_matches(written, {literal(_SHORT)})
                    then day_in_century(regexp_replace(written, {literal(_SHORT)}, '\1-\2-\3'), latest)
            end
        )[1]],
        lambda day: if(day <= latest and day > date '1900-01-01', day, null)
    )[1];
"""
