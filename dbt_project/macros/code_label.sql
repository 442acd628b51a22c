{# The label of a code that is itself an English word or two: sole_proprietor becomes Sole proprietor. #}
{% macro code_label(code) -%}
    upper(substr({{ code }}, 1, 1)) || replace(substr({{ code }}, 2), '_', ' ')
{%- endmacro %}
