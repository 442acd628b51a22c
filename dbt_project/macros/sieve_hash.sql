{# A number that tells most rows apart within one query: quick, and neither lasting nor without chance likenesses. #}
{% macro sieve_hash(expressions) -%}
    {{ return(adapter.dispatch('sieve_hash')(expressions)) }}
{%- endmacro %}

{% macro default__sieve_hash(expressions) -%}
    hash({{ expressions | join(', ') }})
{%- endmacro %}
