{#
    A statement that fails at the end of a build with a line per broken rule, where a contract or a rows_hold test
    refused rows: how many rows break it, and the keys of two of them. DuckDB names no row, and dbt counts. Keys are
    said of columns alone that are published; a name or an address is not.
#}
{% macro refusals(results) -%}
    {%- set lines = [] -%}
    {%- for result in results if execute and result.status in ('error', 'fail') -%}
        {%- set node = result.node -%}
        {%- if node.resource_type == 'test' and result.status == 'fail' and node.test_metadata.name == 'rows_hold' -%}
            {%- set arguments = node.test_metadata.kwargs -%}
            {%- set key = arguments.get('key') or arguments['unique'][0] -%}
            {%- do lines.extend(_refused(graph.nodes[node.attached_node].name, key, node.compiled_code)) -%}
        {%- elif node.resource_type == 'model' and 'Constraint Error' in result.message -%}
            {%- set key = _key_of(node) -%}
            {%- set broken = broken_rules('(' ~ node.compiled_code ~ ')', key, _contract_rules(node)) -%}
            {%- do lines.extend(_refused(node.name, key, broken)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if lines %}
    select error({{ dbt.string_literal(dbt.escape_single_quotes(lines | join('\n'))) }})
    {%- endif -%}
{%- endmacro %}


{# A line per rule that rows of a table break. #}
{% macro _refused(table, key, broken_sql) -%}
    {%- set query -%}
        select rule, count(*) as row_count, min(row_key) as first_key, max(row_key) as last_key
        from ({{ broken_sql }}) as broken
        group by rule
        order by rule
    {%- endset -%}
    {%- set lines = [] -%}
    {%- for row in run_query(query).rows -%}
        {%- set keys = [row['first_key'], row['last_key']] | reject('none') | unique | list -%}
        {%- set rows = '1 row breaks' if row['row_count'] == 1 else row['row_count'] ~ ' rows break' -%}
        {%- set shown = ', for example ' ~ key ~ ' ' ~ keys | join(' and ') if keys and _is_published(key) else '' -%}
        {%- do lines.append('refused: ' ~ table ~ ': ' ~ rows ~ ' the rule: ' ~ row['rule'] ~ shown) -%}
    {%- endfor -%}
    {{ return(lines) }}
{%- endmacro %}


{# The conditions that the contract of a model sets to its columns, as rules. #}
{% macro _contract_rules(node) -%}
    {%- set rules = [] -%}
    {%- for column in node.columns.values() -%}
        {%- for constraint in column.constraints -%}
            {%- if constraint.type in ('not_null', 'primary_key') -%}
                {%- do rules.append({'rule': column.name ~ ' is not null', 'broken': column.name ~ ' is null'}) -%}
            {%- elif constraint.type == 'check' -%}
                {%- do rules.append({'rule': constraint.expression, 'broken': 'not (' ~ constraint.expression ~ ')'}) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}


{# What names a row of a model: the first column of its grain. #}
{% macro _key_of(node) -%}
    {%- set grain = node.config.meta.grain -%}
    {{ return((grain.split(',') if grain is string else grain)[0] | trim) }}
{%- endmacro %}


{% macro _is_published(column) -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.database == 'candidate' -%}
        {%- if column in node.columns -%}{{ return(true) }}{%- endif -%}
    {%- endfor -%}
    {{ return(false) }}
{%- endmacro %}
