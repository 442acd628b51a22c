"""How employees, cases, consents, refusals and returned mail are written: by the branch, the call centre and others."""

from __future__ import annotations

from pipelines.simulator import layouts
from pipelines.simulator.branch_layouts import CHANNEL_CODES, DAY, INSTANT
from pipelines.simulator.layouts import Field, Layout
from pipelines.simulator.partner_layouts import DOTTED_DAY

JSON_INSTANT = "%Y-%m-%dT%H:%M:%S"
EMPLOYEES = Layout(
    feed="branch__employees",
    source_system="branch",
    path="inbox/branch/employees_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    fields=(
        Field("employee_key", "사번"),
        Field("employee_name", "성명"),
        Field("branch_key", "소속점"),
        Field(
            "role",
            "직무",
            {
                "agent": "상담원",
                "relationship_manager": "고객관리자",
                "seller": "모집인",
                "branch_manager": "지점장",
                "back_office": "업무지원",
            },
        ),
        Field("hired_date", "입사일자", pattern=DAY),
        Field("left_date", "퇴사일자", pattern=DAY),
    ),
)
CASES_AT_BRANCH = Layout(
    feed="service__cases",
    source_system="branch",
    path="inbox/branch/cases_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    is_daily=True,
    fields=(
        Field("case_key", "접수번호"),
        Field("customer_key", "고객번호"),
        Field("phone", "연락처"),
        Field("case_type", "접수구분", {"complaint": "민원", "need": "요청", "product_feedback": "의견"}),
        Field("channel", "접수경로", CHANNEL_CODES),
        Field("reason_group", "대분류"),
        Field("reason", "중분류"),
        Field("reason_detail", "소분류"),
        Field("product_key", "상품코드"),
        Field("employee_key", "담당자사번"),
        Field("opened_at", "접수일시", pattern=INSTANT),
        Field("assigned_at", "배정일시", pattern=INSTANT),
        Field("solved_at", "처리일시", pattern=INSTANT),
        Field("reopened_at", "재접수일시", pattern=INSTANT),
        Field("status", "처리상태", {"open": "접수", "assigned": "배정", "solved": "완료", "reopened": "재접수"}),
        Field("case_text", "상담내용", is_quoted=True),
    ),
    spoils={
        layouts.UNDECODABLE: "case_text",
        layouts.UNREADABLE_DATE: "opened_at",
        layouts.UNKNOWN_CODE: "case_type",
        layouts.MISSING_KEY: "case_key",
    },
)
CASES_BY_CALL = Layout(
    feed="service__cases",
    source_system="call_center",
    is_second=True,
    path="inbox/call_center/cases_{date:%Y%m%d}.jsonl",
    form="json_lines",
    codec="utf-8",
    is_daily=True,
    fields=(
        Field("case_key", "case.id"),
        Field("case_type", "case.type", {"complaint": "COMPLAINT", "need": "NEED", "product_feedback": "FEEDBACK"}),
        Field(
            "status",
            "case.status",
            {"open": "NEW", "assigned": "WORKING", "solved": "DONE", "reopened": "AGAIN"},
        ),
        Field("channel", "case.channel", {"inbound_call": "TEL"}),
        Field("customer_key", "party.customer_number"),
        Field("phone", "party.phone"),
        Field("reason_group", "reason.group"),
        Field("reason", "reason.code"),
        Field("reason_detail", "reason.detail"),
        Field("product_key", "reason.product"),
        Field("employee_key", "agent.number"),
        Field("opened_at", "times.opened_at", pattern=JSON_INSTANT),
        Field("assigned_at", "times.assigned_at", pattern=JSON_INSTANT),
        Field("solved_at", "times.solved_at", pattern=JSON_INSTANT),
        Field("reopened_at", "times.reopened_at", pattern=JSON_INSTANT),
        Field("case_text", "note.text"),
    ),
    constants={"customer_system": "branch", "product_system": "branch", "employee_system": "branch"},
    spoils={
        layouts.UNDECODABLE: "case_text",
        layouts.UNREADABLE_DATE: "opened_at",
        layouts.UNKNOWN_CODE: "case_type",
        layouts.MISSING_KEY: "case_key",
    },
)
CONSENTS_AT_BRANCH = Layout(
    feed="consent__events",
    source_system="branch",
    path="inbox/branch/consents_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    fields=(
        Field("consent_key", "동의번호"),
        Field("customer_key", "고객번호"),
        Field(
            "purpose",
            "동의목적",
            {
                "marketing": "마케팅",
                "third_party": "제3자제공",
                "group_sharing": "그룹사공유",
                "profiling": "프로파일링",
            },
        ),
        Field(
            "channel",
            "동의매체",
            {
                "sms": "문자",
                "email": "이메일",
                "outbound_call": "전화",
                "dm": "우편",
                "push": "앱푸시",
                "all": "전체",
            },
        ),
        Field("time_band", "시간대", {"day": "주간", "night": "야간"}),
        Field("basis", "처리근거", {"consent": "동의", "legitimate_interest": "정당한이익"}),
        Field("action", "처리구분", {"granted": "동의", "withdrawn": "철회", "confirmed": "재확인"}),
        Field("valid_at", "효력일시", pattern=INSTANT),
        Field("recorded_at", "등록일시", pattern=INSTANT),
    ),
    spoils={
        layouts.UNREADABLE_DATE: "valid_at",
        layouts.UNKNOWN_CODE: "action",
        layouts.MISSING_KEY: "consent_key",
    },
)
CONSENTS_BY_CALL = Layout(
    feed="consent__events",
    source_system="call_center",
    is_second=True,
    path="inbox/call_center/consents_{date:%Y%m%d}.jsonl",
    form="json_lines",
    codec="utf-8",
    fields=(
        Field("consent_key", "consent.id"),
        Field("action", "consent.action", {"granted": "OPT_IN", "withdrawn": "OPT_OUT", "confirmed": "CONFIRM"}),
        Field(
            "purpose",
            "consent.purpose",
            {"marketing": "MKT", "third_party": "3RD", "group_sharing": "GRP", "profiling": "PRF"},
        ),
        Field(
            "channel",
            "consent.medium",
            {"sms": "SMS", "email": "EMAIL", "outbound_call": "CALL", "dm": "DM", "push": "PUSH", "all": "ALL"},
        ),
        Field("time_band", "consent.hours", {"day": "DAY", "night": "NIGHT"}),
        Field("basis", "consent.basis", {"consent": "CONSENT", "legitimate_interest": "INTEREST"}),
        Field("customer_key", "party.customer_number"),
        Field("valid_at", "times.valid_at", pattern=JSON_INSTANT),
        Field("recorded_at", "times.recorded_at", pattern=JSON_INSTANT),
    ),
    constants={"customer_system": "branch"},
)
REFUSALS = Layout(
    feed="consent__refusals",
    source_system="refusal_registry",
    path="inbox/consent/refusals_{date:%Y%m%d}.csv",
    form="csv",
    codec="utf-8",
    fields=(
        Field("phone", "phone_number"),
        Field("refusal_list", "list"),
        Field("checked_date", "checked_on"),
    ),
)
RETURNS = Layout(
    feed="dm__returns",
    source_system="dm_vendor",
    path="inbox/dm/returns_{date:%Y%m%d}.csv",
    form="csv",
    codec="cp949",
    fields=(
        Field("mailing_key", "발송번호"),
        Field("returned_date", "반송일", pattern=DOTTED_DAY),
        Field(
            "return_reason",
            "반송사유",
            {
                "addressee_unknown": "수취인불명",
                "moved": "이사",
                "insufficient_address": "주소불명",
                "refused": "수취거절",
                "unclaimed": "폐문부재",
            },
        ),
    ),
    spoils={
        layouts.UNREADABLE_DATE: "returned_date",
        layouts.UNKNOWN_CODE: "return_reason",
        layouts.MISSING_KEY: "mailing_key",
    },
)
SERVICE_LAYOUTS = (
    EMPLOYEES,
    CASES_AT_BRANCH,
    CASES_BY_CALL,
    CONSENTS_AT_BRANCH,
    CONSENTS_BY_CALL,
    REFUSALS,
    RETURNS,
)
