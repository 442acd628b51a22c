{#
    The md5 text key of the given expressions. Every part but the last is preceded by its length, so that no
    two different lists of parts make the same text, whatever they hold; a null part is not an empty one.
#}
{% macro surrogate_key(expressions) -%}
    {%- set parts = [] -%}
    {%- for expression in expressions -%}
        {%- set text = 'cast(' ~ expression ~ ' as ' ~ dbt.type_string() ~ ')' -%}
        {%- set size = '' if loop.last else 'cast(length(' ~ text ~ ') as ' ~ dbt.type_string() ~ ') || ' -%}
        {%- do parts.append('coalesce(' ~ size ~ "':' || " ~ text ~ ", '-')") -%}
    {%- endfor -%}
    md5({{ parts | join(' || ') }})
{%- endmacro %}


{# The surrogate key of a row elsewhere; null where the source names none, which is not unmatched. #}
{% macro reference_key(system, key) -%}
    case when {{ key }} is not null then {{ surrogate_key([system, key]) }} end
{%- endmacro %}


{# The same for a customer, of whom an erasure may have left -3, alone or before a colon, in the place of the key. #}
{% macro customer_reference_key(system, key) -%}
    case
        when {{ key }} = '-3' or {{ key }} like '-3:%' then '-3'
        when {{ key }} is not null then {{ surrogate_key([system, key]) }}
    end
{%- endmacro %}
