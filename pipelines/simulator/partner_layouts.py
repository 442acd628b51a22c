"""How the others write: the DM vendor, the call centre, the campaign tool and the statistics office."""

from __future__ import annotations

from pipelines.simulator import layouts
from pipelines.simulator.layouts import Field, Layout

DOTTED_DAY = "%Y.%m.%d"
RESPONSE_CODES = {
    "inquiry": "문의",
    "application": "신청",
    "contract": "계약",
    "redemption": "사용",
    "refusal": "수신거부",
}
MEDIA = {
    "outbound_call": "CALL",
    "dm": "DM",
    "email": "EMAIL",
    "sms": "SMS",
}
MAILINGS = Layout(
    feed="dm__mailings",
    source_system="dm_vendor",
    path="inbox/dm/mailings_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    fields=(
        Field("mailing_key", "발송번호"),
        Field("campaign_key", "캠페인코드"),
        Field("contact_key", "의뢰번호"),
        Field("customer_key", "고객사고객번호"),
        Field("recipient_name", "수취인"),
        Field("address", "배송지", is_quoted=True),
        Field("cell", "시안"),
        Field("mailed_date", "발송일", pattern=DOTTED_DAY),
        Field("cost_amount", "단가"),
    ),
    constants={
        "campaign_system": "campaign_tool",
        "contact_system": "campaign_tool",
        "customer_system": "branch",
    },
    spoils={
        layouts.UNDECODABLE: "recipient_name",
        layouts.UNREADABLE_AMOUNT: "cost_amount",
        layouts.UNREADABLE_DATE: "mailed_date",
        layouts.MISSING_KEY: "mailing_key",
    },
)
REPLIES = Layout(
    feed="dm__replies",
    source_system="dm_vendor",
    path="inbox/dm/replies_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    fields=(
        Field("reply_key", "회신번호"),
        Field("mailing_key", "발송번호"),
        Field("customer_key", "고객사고객번호"),
        Field("response_type", "회신구분", RESPONSE_CODES),
        Field("replied_date", "회신일", pattern=DOTTED_DAY),
        Field("contract_key", "계약번호"),
        Field("transaction_key", "거래번호"),
    ),
    constants={
        "customer_system": "branch",
        "contract_system": "branch",
        "transaction_system": "branch",
    },
    spoils={
        layouts.UNREADABLE_DATE: "replied_date",
        layouts.UNKNOWN_CODE: "response_type",
        layouts.MISSING_KEY: "reply_key",
    },
)
CALLS = Layout(
    feed="call_center__calls",
    source_system="call_center",
    path="inbox/call_center/calls_{date:%Y%m%d}.jsonl",
    form="json_lines",
    codec="utf-8",
    is_daily=True,
    fields=(
        Field("call_key", "call.id"),
        Field("direction", "call.direction", {"inbound": "IN", "outbound": "OUT"}),
        Field("contact_key", "call.order"),
        Field("attempt", "call.attempt"),
        Field("customer_key", "party.customer_number"),
        Field("phone", "party.phone"),
        Field("started_at", "times.started_at", pattern="%Y-%m-%dT%H:%M:%S"),
        Field("wait_seconds", "times.wait_seconds"),
        Field("talk_seconds", "times.talk_seconds"),
        Field("after_call_seconds", "times.after_call_seconds"),
        Field("agent_key", "agent.number"),
        Field("", "agent.team"),
        Field(
            "disposition",
            "result.code",
            {
                "answered": "ANSWERED",
                "no_answer": "NOANSWER",
                "busy": "BUSY",
                "abandoned": "ABANDON",
                "voicemail": "VOICEMAIL",
                "wrong_number": "WRONGNO",
            },
        ),
        Field("reason", "result.reason"),
    ),
    constants={"customer_system": "branch", "contact_system": "campaign_tool", "agent_system": "branch"},
    spoils={
        layouts.UNDECODABLE: "phone",
        layouts.UNREADABLE_DATE: "started_at",
        layouts.UNKNOWN_CODE: "direction",
        layouts.MISSING_KEY: "call_key",
    },
)
CAMPAIGNS = Layout(
    feed="campaign__campaigns",
    source_system="campaign_tool",
    path="inbox/campaign/campaigns_{date:%Y-%m-%d}.csv",
    form="csv",
    codec="utf-8",
    fields=(
        Field("campaign_key", "campaign_id"),
        Field("campaign_name", "title"),
        Field("campaign_type", "category"),
        Field("purpose", "goal", {"acquire": "ACQUIRE", "retain": "RETAIN", "grow": "GROW", "activate": "ACTIVATE"}),
        Field("channel", "medium", MEDIA),
        Field("product_key", "offer_product"),
        Field("start_date", "starts_on"),
        Field("end_date", "ends_on"),
        Field("response_window_days", "window_days"),
    ),
    constants={"product_system": "branch"},
)
CONTACTS = Layout(
    feed="campaign__contacts",
    source_system="campaign_tool",
    path="inbox/campaign/contacts_{date:%Y-%m-%d}.parquet",
    form="parquet",
    codec="",
    fields=(
        Field("contact_key", "contact_id"),
        Field("campaign_key", "campaign_id"),
        Field("customer_key", "customer_number"),
        Field("cell", "cell"),
        Field("assignment", "group", {"treatment": "T", "control": "C"}),
        Field("channel", "medium", MEDIA),
        Field("assigned_at", "selected_at"),
        Field("sent_at", "sent_at"),
        Field("not_sent_reason", "skipped_because"),
        Field("cost_amount", "cost"),
    ),
    constants={"customer_system": "branch"},
)
RESPONSES = Layout(
    feed="campaign__responses",
    source_system="campaign_tool",
    path="inbox/campaign/responses_{date:%Y-%m-%d}.csv",
    form="csv",
    codec="utf-8",
    fields=(
        Field("response_key", "response_id"),
        Field("contact_key", "contact_id"),
        Field("campaign_key", "campaign_id"),
        Field("customer_key", "customer_number"),
        Field("response_type", "kind", {word: word.upper() for word in RESPONSE_CODES}),
        Field("responded_at", "responded_at", pattern="%Y-%m-%d %H:%M:%S"),
        Field("contract_key", "contract_number"),
        Field("transaction_key", "transaction_number"),
    ),
    constants={
        "customer_system": "branch",
        "contract_system": "branch",
        "transaction_system": "branch",
    },
)
AREAS = Layout(
    feed="demographics__areas",
    source_system="statistics",
    path="inbox/demographics/areas_{date:%Y%m%d}.csv",
    form="csv",
    codec="utf-8",
    fields=(
        Field("area_key", "code"),
        Field("province", "province"),
        Field("district", "district"),
        Field("town", "town"),
        Field("population_count", "population"),
        Field("household_count", "households"),
        Field("median_age_years", "median_age"),
        Field("median_income_amount", "median_household_income"),
    ),
)
PARTNER_LAYOUTS = (MAILINGS, REPLIES, CALLS, CAMPAIGNS, CONTACTS, RESPONSES, AREAS)
