-- Every staged transaction line stands once in the fact, with its amounts.
with

staged as (
    select
        count(*) as line_count,
        coalesce(sum(amount), 0) as amount,
        coalesce(sum(quantity), 0) as quantity,
        coalesce(sum(discount_amount), 0) as discount_amount,
        coalesce(sum(margin_amount), 0) as margin_amount
    from {{ ref('stg_branch__transactions') }}
),

published as (
    select
        count(*) as line_count,
        coalesce(sum(amount), 0) as amount,
        coalesce(sum(quantity), 0) as quantity,
        coalesce(sum(discount_amount), 0) as discount_amount,
        coalesce(sum(case when margin_rule = 'stated' then margin_amount end), 0) as margin_amount
    from {{ ref('fct_transaction') }}
)

select
    staged.line_count as staged_line_count,
    published.line_count as published_line_count,
    staged.amount as staged_amount,
    published.amount as published_amount
from staged
cross join published
where
    staged.line_count <> published.line_count
    or staged.amount <> published.amount
    or staged.quantity <> published.quantity
    or staged.discount_amount <> published.discount_amount
    or staged.margin_amount <> published.margin_amount
