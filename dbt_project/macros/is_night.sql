{# Whether a time of day lies in a rule's night, which may pass midnight; false where the rule has none. #}
{% macro is_night(time, start_time, end_time) -%}
    coalesce(
        case
            when {{ start_time }} > {{ end_time }} then {{ time }} >= {{ start_time }} or {{ time }} < {{ end_time }}
            else {{ time }} >= {{ start_time }} and {{ time }} < {{ end_time }}
        end,
        false
    )
{%- endmacro %}
