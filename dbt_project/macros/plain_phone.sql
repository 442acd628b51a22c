{#
    A telephone number as the digits one dials within the country of var phone_country_code: +82 10-1234-5678,
    010.1234.5678 and full-width digits alike become 01012345678. Another country's number keeps its own code. Null
    where fewer than seven digits are left, which is nobody's number.
#}
{% macro plain_phone(phone) -%}
    {{ return(adapter.dispatch('plain_phone')(phone)) }}
{%- endmacro %}

{% macro default__plain_phone(phone) -%}
    {%- set digits -%}
        regexp_replace(translate({{ phone }}, '０１２３４５６７８９', '0123456789'), '[^0-9]', '', 'g')
    {%- endset -%}
    case
        when length({{ digits }}) >= 10 then regexp_replace({{ digits }}, '^(00)?{{ var("phone_country_code") }}0?', '0')
        when length({{ digits }}) >= 7 then {{ digits }}
    end
{%- endmacro %}
