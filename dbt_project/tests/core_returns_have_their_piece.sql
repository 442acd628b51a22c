-- A return names a piece that was delivered. A warning: the piece may come later, or may have been held back.
{{ config(severity='warn') }}

select
    returned.return_id,
    returned.returned_date
from {{ ref('stg_dm__returns') }} as returned
left join {{ ref('stg_dm__mailings') }} as mailings on returned.mailing_id = mailings.mailing_id
where mailings.mailing_id is null
