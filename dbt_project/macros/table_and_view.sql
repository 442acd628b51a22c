{#
    A table or view of DuckDB in one statement: dbt's own way makes it under another name, renames the old one away and
    the new one into its place, drops the old one, and asks for its columns in between; each of them costs as much as a
    small model. DuckDB replaces in a transaction, so what was there stays where anything fails.
#}
{% materialization table, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set relation = this.incorporate(type='table') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% if model['language'] == 'python' %}
        {% do run_query('drop table if exists ' ~ relation) %}
        {% call statement('main', language='python') %}
            {{- py_write_table(False, relation, compiled_code) }}
        {% endcall %}
        {% do adapter.commit() %}
    {% else %}
        {% call statement('main', auto_begin=False) %}
            begin transaction;
            {{ drop_of_another_kind(relation) }}
            {% if config.get('contract').enforced %}
            create or replace table {{ relation }} {{ get_table_columns_and_constraints() }};
            {{ contract_assertion(relation, compiled_code) }};
            insert into {{ relation }} by name ({{ compiled_code }});
            {% else %}
            create or replace table {{ relation }} as ({{ compiled_code }});
            {% endif %}
            {{ descriptions(relation) }}
            commit;
        {% endcall %}
    {% endif %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}


{% materialization view, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='view') -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% call statement('main', auto_begin=False) %}
        begin transaction;
        {{ drop_of_another_kind(relation) }}
        create or replace view {{ relation }} as ({{ compiled_code }});
        {{ descriptions(relation) }}
        commit;
    {% endcall %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}


{# Drops the view that a table is to replace, or the other way round. #}
{% macro drop_of_another_kind(relation) -%}
    {%- set existing = load_cached_relation(relation) -%}
    {%- if existing is not none and existing.type != relation.type -%}
        drop {{ existing.type }} {{ existing }};
    {%- endif -%}
{%- endmacro %}


{# Ends the build where the names and types of a SELECT's columns are not those of the contract, of which the table was made. #}
{% macro contract_assertion(relation, select_sql) -%}
    select
        case when count(*) > 0 then
            error('{{ relation.identifier }} breaks its contract: ' || string_agg(
                column_name || ' is ' || coalesce(selected.column_type, 'missing') || ' and should be '
                || coalesce(agreed.column_type, 'missing'), '; ' order by column_name
            ))
        end
    from (describe {{ relation }}) as agreed
    full join (describe ({{ select_sql }})) as selected using (column_name)
    where selected.column_type is distinct from agreed.column_type
{%- endmacro %}


{# The comments on a relation and its columns, where the model persists its descriptions. #}
{% macro descriptions(relation) -%}
    {%- if config.persist_relation_docs() and model.description %}
    comment on {{ relation.type }} {{ relation }} is {{ duckdb_escape_comment(model.description) }};
    {%- endif %}
    {%- if config.persist_column_docs() %}
    {%- for column in model.columns.values() %}
    comment on column {{ relation }}.{{ column.name }} is {{ duckdb_escape_comment(column.description) }};
    {%- endfor %}
    {%- endif %}
{%- endmacro %}
