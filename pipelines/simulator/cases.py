"""Cases: what customers complain of, need and say of products, at branches and on the telephone, until it is solved.

The contact centre's cases come out of its answered calls; the branches have cases of their own, and number them alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import text
from pipelines.simulator import vocabulary as v
from pipelines.simulator.blocks import WHOLE, Numbering
from pipelines.simulator.calendar import DAYS_PER_MONTH, Period, instants, spread
from pipelines.simulator.calls import AGENTS, Calls
from pipelines.simulator.company import Company
from pipelines.simulator.employees import FIRST_AGENT, FIRST_MANAGER, FIRST_SELLER, employee_keys
from pipelines.simulator.people import People, Records
from pipelines.simulator.record_versions import Versions, phone_text

CASE_TYPES = ("complaint", "need", "product_feedback")
COMPLAINT, NEED, FEEDBACK = range(3)
STATUSES = ("open", "assigned", "solved", "reopened")
OPEN, ASSIGNED, SOLVED, REOPENED = range(4)
# Per kind: reason in three levels, and what an agent notes. A company's own words, short as codes are.
REASONS = (
    (COMPLAINT, "요금", "청구오류", "이중청구", "같은 달 요금이 두 번 청구되었다고 항의함."),
    (COMPLAINT, "요금", "할인누락", "약정할인", "약정할인이 빠졌다고 하여 확인 후 회신하기로 함."),
    (COMPLAINT, "응대", "불친절", "창구", "창구 직원의 응대가 불친절했다고 함."),
    (COMPLAINT, "배송", "지연", "미도착", "주문한 물건이 아직 오지 않았다고 함."),
    (COMPLAINT, "광고", "수신거부불이행", "문자", "수신거부 후에도 광고 문자가 온다고 항의함."),
    (NEED, "상담", "상품문의", "가입조건", "가입 조건과 월 납입액을 문의함."),
    (NEED, "상담", "계약변경", "명의변경", "명의변경에 필요한 서류를 물어 안내함."),
    (NEED, "서류", "증명서", "재발급", "증명서 재발급을 요청함."),
    (FEEDBACK, "상품", "품질", "포장", "포장이 약해 모서리가 상했다고 알려 줌."),
    (FEEDBACK, "상품", "가격", "인상", "가격이 올라 아쉽다는 의견."),
    (FEEDBACK, "상품", "기능", "개선요청", "앱에서 바로 확인할 수 있으면 좋겠다는 제안."),
)
AT_BRANCH_PER_MONTH = 0.04
# Of the calls about a product, those that become a case; calls to complain all do.
PRODUCT_CALLS = 0.4
NOT_ASSIGNED, NOT_SOLVED, SOLVED_IN_VAIN = 0.02, 0.04, 0.07
# Some agents still note what must not be kept.
NOTES_RESIDENT_NUMBER = 0.01
HOUR = 3600


@dataclass(frozen=True)
class Cases:
    """One system's cases in the order of opening: days and seconds as instants, NaT where it never came to that.

    Records are -1 for strangers, products and channels codes; `solved_again` follows `reopened`.
    """

    key: pa.Array
    record: np.ndarray
    is_identified: np.ndarray
    reason: np.ndarray
    channel: np.ndarray
    product: np.ndarray
    employee: np.ndarray
    opened: np.ndarray
    assigned: np.ndarray
    solved: np.ndarray
    reopened: np.ndarray
    solved_again: np.ndarray


def draw_cases_by_call(
    calls: Calls, company: Company, generator: np.random.Generator, numbering: Numbering = WHOLE
) -> Cases:
    """A case for every answered call to complain, and for some of those about a product."""
    complains = calls.reason == v.CALL_REASONS.index("complaint")
    asks = (calls.reason == v.CALL_REASONS.index("product")) & (generator.random(len(calls.day)) < PRODUCT_CALLS)
    call = np.flatnonzero((calls.contact < 0) & (calls.disposition == v.ANSWERED) & (complains | asks))
    count = len(call)
    raised = {
        "kind": np.where(complains[call], COMPLAINT, generator.choice([NEED, FEEDBACK], count, p=[0.6, 0.4])),
        "opened": instants(calls.day[call], calls.second[call] + 90),
        "record": calls.record[call],
        "is_identified": calls.is_identified[call],
        "channel": np.full(count, v.INBOUND_CALL),
        "employee": FIRST_AGENT + generator.integers(0, AGENTS, count),
    }
    return _follow_up(raised, company, generator, numbering)


def draw_cases_at_branch(
    people: People,
    records: Records,
    company: Company,
    period: Period,
    generator: np.random.Generator,
    numbering: Numbering = WHOLE,
) -> Cases:
    """Cases of customers since their registration: at the counter, on the web, by mail."""
    begin = np.maximum(people.registered, period.start)
    months = ((period.end - begin).astype(int) + 1) / DAYS_PER_MONTH
    person = np.arange(people.count).repeat(generator.poisson(AT_BRANCH_PER_MONTH * months))
    day = spread(begin[person], np.full(len(person), period.end), generator)
    count = len(person)
    raised = {
        "kind": generator.choice(3, count, p=[0.35, 0.4, 0.25]),
        "opened": instants(day, generator.integers(9 * HOUR, 18 * HOUR, count)),
        "record": records.of_person(person, day, generator),
        "is_identified": generator.random(count) < 0.95,
        "channel": generator.choice([v.BRANCH, v.WEB, v.EMAIL, v.DM], count, p=[0.65, 0.2, 0.1, 0.05]),
        "employee": generator.integers(FIRST_MANAGER, FIRST_SELLER, count),
    }
    return _follow_up(raised, company, generator, numbering)


def case_deliveries(
    cases: Cases,
    people: People,
    records: Records,
    versions: Versions,
    company: Company,
    period: Period,
    generator: np.random.Generator,
) -> tuple[dict, np.ndarray]:
    """One row per case and day on which it changed, as it stood at the end of that day; sorted by day."""
    case, day = _days_of_change(cases, period)
    phone, text_of_case = _phones_and_texts(cases, people, records, versions, generator)
    assigned, reopened = _until(cases.assigned[case], day), _until(cases.reopened[case], day)
    again, solved = _until(cases.solved_again[case], day), _until(cases.solved[case], day)
    status = np.select(
        [~np.isnat(again), ~np.isnat(reopened), ~np.isnat(solved), ~np.isnat(assigned)],
        [SOLVED, REOPENED, SOLVED, ASSIGNED],
        default=OPEN,
    )
    reason = cases.reason[case]
    columns = {
        "case_key": cases.key.take(pa.array(case)),
        "case_type": text.words(CASE_TYPES, np.array([row[0] for row in REASONS])[reason]),
        "status": text.words(STATUSES, status),
        "channel": text.words(v.CHANNELS, cases.channel[case]),
        "customer_key": text.words(records.key, np.where(cases.is_identified, cases.record, -1)[case]),
        "phone": phone.take(pa.array(case)),
        "reason_group": text.words([row[1] for row in REASONS], reason),
        "reason": text.words([row[2] for row in REASONS], reason),
        "reason_detail": text.words([row[3] for row in REASONS], reason),
        "product_key": text.words(company.product_keys, cases.product[case]),
        "employee_key": text.pick(np.isnat(assigned), None, employee_keys(cases.employee[case])),
        "opened_at": cases.opened[case],
        "assigned_at": assigned,
        "solved_at": np.where(np.isnat(again), solved, again),
        "reopened_at": reopened,
        "case_text": text_of_case.take(pa.array(case)),
    }
    return columns, day


def _follow_up(
    raised: dict[str, np.ndarray], company: Company, generator: np.random.Generator, numbering: Numbering
) -> Cases:
    """What becomes of cases, and what they are about, by kind; beyond the period too."""
    order = np.argsort(raised["opened"], kind="stable")
    kind, opened = raised["kind"][order], raised["opened"][order]
    count = len(order)
    kinds = np.array([row[0] for row in REASONS])
    first, size = np.searchsorted(kinds, kind), np.bincount(kinds)[kind]
    assigned = _later(opened, generator.exponential(np.where(kind == COMPLAINT, 3.0, 8.0)), NOT_ASSIGNED, generator)
    solved = _later(assigned, generator.lognormal(np.log(20), 1.0, count), NOT_SOLVED, generator)
    reopened = _later(solved, generator.uniform(12, 220, count), 1 - SOLVED_IN_VAIN, generator)
    about_product = generator.random(count) < 0.7
    return Cases(
        key=text.whole(numbering.of(np.arange(count)) + 1, 8, "CS"),
        record=raised["record"][order],
        is_identified=raised["is_identified"][order],
        reason=first + np.floor(generator.random(count) * size).astype(np.int64),
        channel=raised["channel"][order],
        product=np.where(about_product, generator.integers(0, len(company.product_keys), count), -1),
        employee=raised["employee"][order],
        opened=opened,
        assigned=assigned,
        solved=solved,
        reopened=reopened,
        solved_again=_later(reopened, generator.lognormal(np.log(30), 1.0, count), NOT_SOLVED, generator),
    )


def _later(after: np.ndarray, hours: np.ndarray, never: float, generator: np.random.Generator) -> np.ndarray:
    """Instants so many hours later; NaT for the share that never comes to it, and after NaT."""
    instant = after + np.round(hours * HOUR).astype("timedelta64[s]")
    return np.where(generator.random(len(after)) < never, np.datetime64("NaT", "s"), instant)


def _until(instant: np.ndarray, day: np.ndarray) -> np.ndarray:
    """The instants that the end of the day has seen; else NaT."""
    return np.where(instant.astype("datetime64[D]") <= day, instant, np.datetime64("NaT", "s"))


def _days_of_change(cases: Cases, period: Period) -> tuple[np.ndarray, np.ndarray]:
    """Places of cases and days of the period on which they changed, in order of day and of opening."""
    changes = (cases.opened, cases.assigned, cases.solved, cases.reopened, cases.solved_again)
    day = np.concatenate(changes).astype("datetime64[D]")
    case = np.tile(np.arange(len(cases.opened)), len(changes))
    seen = ~np.isnat(day) & (day <= period.end)
    number = np.unique((day[seen] - period.start).astype(np.int64) * len(cases.opened) + case[seen])
    days, places = np.divmod(number, max(len(cases.opened), 1))
    return places, period.start + days


def _phones_and_texts(
    cases: Cases, people: People, records: Records, versions: Versions, generator: np.random.Generator
) -> tuple[pa.Array, pa.Array]:
    """By case: the number to call back, where somebody asked for it, and what was noted, with the customer's name."""
    count = len(cases.opened)
    record = np.maximum(cases.record, 0)
    person = records.person[record]
    place = versions.at(record, cases.opened.astype("datetime64[D]"))
    stranger = generator.integers(20_000_000, 100_000_000, count)
    is_stranger = cases.record < 0
    is_firm = ~is_stranger & (people.party_type[person] == v.PARTY_TYPES.index("corporation"))
    phone = phone_text(
        np.where(is_stranger, stranger, versions.values["phone"][place]), generator.integers(0, 4, count), is_firm
    )
    asked = ~cases.is_identified | (generator.random(count) < 0.5)
    caller = text.pick(is_stranger, "성명 미상", records.name.take(pa.array(record)))
    number = text.join(
        pc.utf8_slice_codeunits(text.days(people.birth[person], "%Y%m%d"), start=2),
        "-",
        text.words(["2", "1"], people.is_male[person]),
        text.whole(generator.integers(0, 1_000_000, count), 6),
    )
    note = text.join(caller, ": ", text.words([row[4] for row in REASONS], cases.reason))
    kept = ~is_stranger & ~np.isnat(people.birth[person]) & (generator.random(count) < NOTES_RESIDENT_NUMBER)
    return text.pick(asked, phone, None), text.pick(kept, text.join(note, " 주민번호 ", number), note)
