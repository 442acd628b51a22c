r"""Korean business registration numbers (사업자등록번호), whose last digit checks the others.

- `plain_business_number(text)`: the ten digits, where they can be a number and the check digit is right; else null
- `business_check_digit(nine)`: the tenth digit to the first nine

The first nine digits weigh 1, 3, 7, 1, 3, 7, 1, 3, 5; to the sum of digit times weight the tens of the ninth digit's
product are added; the tenth digit completes that to a multiple of ten. The National Tax Service has published no
formula: this is the one that checkers in use agree on (Microsoft Presidio's KrBrnRecognizer, realrains/kbrn), and the
numbers that large firms print pass it. Tax offices count from 101, and neither the kind of business (digits 4 and 5)
nor the serial number is all zeros (python-stdnum, stdnum.kr.brn).
"""

MACROS = r"""
create or replace temp macro business_check_digit(nine) as
    list_transform(
        [list_transform(string_split(nine, ''), lambda digit: digit::integer)],
        lambda digit: (
            10 - (
                list_sum(list_transform(digit, lambda value, place: value * [1, 3, 7, 1, 3, 7, 1, 3, 5][place]))
                + digit[9] * 5 // 10
            ) % 10
        ) % 10
    )[1];
create or replace temp macro plain_business_number(text) as
    list_transform(
        [regexp_replace(plain_letters(text), '[ ./-]', '', 'g')],
        lambda digits: case
            when
                regexp_full_match(digits, '\d{10}')
                and digits >= '1010000000'
                and digits[4:5] <> '00'
                and digits[6:9] <> '0000'
                then case when business_check_digit(digits[1:9])::varchar = digits[10] then digits end
        end
    )[1];
"""
