"""Pieces that come back to the direct mail (DM) vendor, days after they were dropped, and why."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator.calendar import Period
from pipelines.simulator.campaigns import Responses
from pipelines.simulator.mailings import Mailings

REASONS = ("addressee_unknown", "moved", "insufficient_address", "refused", "unclaimed")
REASON_SHARES = (0.25, 0.4, 0.1, 0.1, 0.15)
# Bought addresses are older than the company's own.
RETURNED, RETURNED_OF_PROSPECTS = 0.03, 0.08


def return_deliveries(
    mailings: Mailings, responses: Responses, period: Period, generator: np.random.Generator
) -> tuple[dict, np.ndarray]:
    """A fixed share of the pieces, rounded up, none of which was answered; sorted by day."""
    answered = np.isin(mailings.contact, responses.contact)
    rate = np.where(mailings.contact < 0, RETURNED_OF_PROSPECTS, RETURNED)
    order = np.argsort(generator.random(len(rate)) / rate + np.where(answered, np.inf, 0), kind="stable")
    piece = order[: min(int(np.ceil(rate.sum())), int((~answered).sum()))]
    day = mailings.day[piece] + generator.integers(5, 21, len(piece))
    seen = np.flatnonzero(day <= period.end)
    seen = seen[np.argsort(day[seen], kind="stable")]
    columns = {
        "mailing_key": mailings.key.take(pa.array(piece[seen])),
        "returned_date": day[seen],
        "return_reason": text.words(REASONS, generator.choice(len(REASONS), len(piece), p=REASON_SHARES)[seen]),
    }
    return columns, day[seen]
