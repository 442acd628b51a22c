"""Whether a customer's data may be used at an instant, read from the published tables."""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import duckdb


@dataclass(frozen=True)
class Permission:
    """The answer for one channel: whether, why, by which rule of which law, and when the consent is to be confirmed.

    The confirmation is due by that day; None where no consent stands or the rule asks for none.
    """

    channel_code: str
    channel: str
    is_allowed: bool
    reason_code: str
    reason: str
    rule_code: str
    legal_source: str
    is_night: bool
    confirmation_due_date: date | None


# Where nothing is known the answer is no, as core.dim_permission says.
_PERMISSIONS = """
select
    rules.channel_code,
    channels.channel_label,
    rules.rule_code,
    rules.legal_source,
    rules.night_start_time,
    rules.night_end_time,
    coalesce(permissions.reason_code, 'no_consent'),
    coalesce(permissions.reason_label, 'No consent'),
    coalesce(permissions.night_reason_code, 'no_consent'),
    coalesce(permissions.night_reason_label, 'No consent'),
    permissions.confirmation_due_date
from core.dim_consent_rule as rules
inner join core.dim_channel as channels using (channel_code)
left join core.dim_permission as permissions
    on
        permissions.customer_id = $customer_id
        and permissions.rule_code = rules.rule_code
        and permissions.valid_from <= $instant
        and $instant < coalesce(permissions.valid_to, timestamp '9999-12-31')
where
    rules.purpose_code = $purpose
    and rules.valid_from <= $day
    and $day < coalesce(rules.valid_to, date '9999-12-31')
order by channels.channel_label
"""


def permissions_at(
    published: duckdb.DuckDBPyConnection, customer_id: str, purpose: str, instant: datetime
) -> list[Permission]:
    """The answer for each channel that a rule covers at `instant` (with the company's time zone), by what was known."""
    utc = instant.astimezone(ZoneInfo("UTC")).replace(tzinfo=None)
    rows = published.execute(
        _PERMISSIONS,
        {"customer_id": customer_id, "purpose": purpose, "instant": utc, "day": instant.date()},
    ).fetchall()
    found = []
    for code, channel, rule, source, start, end, day, day_label, night, night_label, due in rows:
        by_night = _is_night(instant.time(), start, end)
        reason_code, reason = (night, night_label) if by_night else (day, day_label)
        is_allowed = reason_code == "allowed"
        found.append(Permission(code, channel, is_allowed, reason_code, reason, rule, source, by_night, due))
    return found


def purposes(published: duckdb.DuckDBPyConnection) -> list[str]:
    """The purposes that have a rule."""
    rows = published.execute(
        "select distinct purpose_code from core.dim_consent_rule where rule_code not in ('-1', '-2') order by all"
    ).fetchall()
    return [purpose for (purpose,) in rows]


def _is_night(at: time, start: time | None, end: time | None) -> bool:
    """As macro is_night: a night may pass midnight, and a rule may have none."""
    if start is None or end is None:
        return False
    return at >= start or at < end if start > end else start <= at < end
