{# Where a record stands by one rule of seed survivorship_rules, the smallest first; without a rule all stand alike. #}
{% macro survivorship_rank(rule) -%}
    case {{ rule }}
        when 'source_priority' then source_rank
        when 'most_recent' then recency_rank
        when 'most_complete' then completeness_rank
    end
{%- endmacro %}
