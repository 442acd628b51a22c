-- Scores, cell and segment stand or fall with a purchase in the window, and recency never lies after its end.
select
    customer_id,
    rfm_cell,
    segment_code,
    frequency_count,
    recency_days
from {{ ref('mart_rfm') }}
where
    (frequency_count > 0) <> (rfm_cell is not null)
    or (rfm_cell is null) <> (segment_code = 'no_sale')
    or (rfm_cell is null) <> (recency_score is null)
    or (rfm_cell is null) <> (frequency_score is null)
    or (rfm_cell is null) <> (monetary_score is null)
    or recency_days < 0
    or (frequency_count > 0 and last_purchase_date not between window_start_date and window_end_date)
