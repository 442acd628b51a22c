{#
    One test for all that is asserted of a relation's rows, because a test of its own per column costs a build more than
    its query: `unique` and `not_null` columns, `checks` (conditions that no row makes false) and `references` (a column
    and the relation that holds its values, or a list of that relation, its column and the condition under which it
    must). Nulls are in no other's rule. The failing rows are the broken rule and the row's `key`, which is its first
    unique column where no other is named. What a table's contract says is left to the contract.
#}
{% test rows_hold(model, unique=[], not_null=[], checks=[], references={}, key=none) %}
{{ config(meta={'description': 'Keys are unique and given, values are listed ones, and references find their row.'}) }}
{%- set rules = [] -%}
{%- for column in not_null -%}
    {%- do rules.append({'rule': column ~ ' is not null', 'broken': column ~ ' is null'}) -%}
{%- endfor -%}
{%- for check in checks -%}
    {%- do rules.append({'rule': check, 'broken': 'not (' ~ check ~ ')'}) -%}
{%- endfor -%}
{%- for column, reference in references.items() -%}
    {%- set parts = [reference] if reference is mapping else reference -%}
    {%- set parent = parts[1] or column -%}
    {%- set broken -%}
        {{ column }} is not null {{- ' and ' ~ parts[2] if parts[2] }}
        and not exists (select 1 from {{ parts[0] }} as parent where parent.{{ parent }} = child.{{ column }})
    {%- endset -%}
    {%- do rules.append({'rule': column ~ ' is in ' ~ parts[0].identifier, 'broken': broken}) -%}
{%- endfor -%}
{%- if not (rules or unique) -%}
    {% do exceptions.raise_compiler_error('rows_hold: nothing is asserted of ' ~ model) %}
{%- endif -%}
{{ broken_rules(model, key or unique[0], rules) }}
{%- for column in unique %}
{{ 'union all' if rules or not loop.first }}
select '{{ column }} is unique' as rule, cast({{ column }} as {{ dbt.type_string() }}) as row_key
from {{ model }}
where {{ column }} is not null
group by {{ column }}
having count(*) > 1
{%- endfor %}
{% endtest %}


{# One row (rule, row_key) per row and rule that it breaks; a rule is its words and the condition of a broken row. #}
{% macro broken_rules(relation, key, rules) -%}
    {%- for each in rules %}
select {{ dbt.string_literal(dbt.escape_single_quotes(each.rule)) }} as rule, cast({{ key }} as {{ dbt.type_string() }}) as row_key
from {{ relation }} as child
where {{ each.broken }}
    {{- '\nunion all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
