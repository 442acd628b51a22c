{# What a delivery of a customer says of the attribute that seed survivorship_rules names in `attribute`. #}
{% macro survivorship_value(attribute, delivery) -%}
    case {{ attribute }}
        when 'customer_name' then {{ delivery }}.customer_name
        when 'party_type' then {{ delivery }}.party_type_code
        when 'sex' then {{ delivery }}.sex_code
        when 'birth_date' then cast({{ delivery }}.birth_date as {{ dbt.type_string() }})
        when 'phone' then {{ delivery }}.phone
        when 'email' then {{ delivery }}.email
        when 'area' then {{ delivery }}.area_id
        when 'occupation' then {{ delivery }}.occupation
        when 'income_band' then {{ delivery }}.income_band
        when 'branch' then {{ delivery }}.branch_id
        when 'manager' then {{ delivery }}.manager_id
    end
{%- endmacro %}

{# What travels with it: an address with its area, a calendar with its date. #}
{% macro survivorship_companion(attribute, delivery) -%}
    case
        when {{ attribute }} = 'area' then {{ delivery }}.address
        when {{ attribute }} = 'birth_date' and {{ delivery }}.birth_date is not null then {{ delivery }}.birth_calendar
    end
{%- endmacro %}
