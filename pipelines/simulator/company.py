"""What the company is made of: its branches and agencies, and its products, with the few changes to both lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator.areas import Areas
from pipelines.simulator.calendar import NO_DAY, Period, first_days_of_quarters

BRANCH_TYPES = ("branch", "agency", "customer_center")
BRANCHES, AGENCIES, CENTERS = 30, 8, 2
UNITS = ("리테일", "통신", "보험", "금융")
RETAIL, TELECOM, INSURANCE, FINANCE = range(4)
LATER_LISTS = 4

# Product group, number of products, margin rate of the first one.
RETAIL_GROUPS = (
    ("식품", 8, 0.18),
    ("생활용품", 8, 0.24),
    ("화장품", 6, 0.42),
    ("의류", 6, 0.38),
    ("가전", 5, 0.14),
    ("건강식품", 5, 0.35),
)


@dataclass(frozen=True)
class Plan:
    """A product that is a contract: what is debited every month, how long it runs, how its owners leave.

    `renewal_months` is the length of one renewal period; churn_a and churn_b are the parameters of the Beta
    distribution of the churn probability per renewal. Maturity 0 means none.
    """

    name: str
    group: str
    unit: int
    amount: int
    renewal_months: int
    maturity_months: int
    commitment_months: int
    churn_a: float
    churn_b: float
    margin_rate: float | None
    next_step: int | None = None


# next_step is the place in this very list.
PLANS = (
    Plan("5G 라이트", "이동통신", TELECOM, 37_000, 1, 0, 24, 0.7, 26.0, 0.31, 1),
    Plan("5G 스탠다드", "이동통신", TELECOM, 55_000, 1, 0, 24, 0.7, 30.0, 0.34, 2),
    Plan("5G 프리미엄", "이동통신", TELECOM, 80_000, 1, 0, 24, 0.7, 34.0, 0.38),
    Plan("기가 인터넷", "유선통신", TELECOM, 33_000, 1, 0, 36, 0.8, 45.0, 0.29),
    Plan("실손의료보험", "보장성보험", INSURANCE, 42_000, 12, 240, 0, 0.6, 5.0, 0.12, 5),
    Plan("종합건강보험", "보장성보험", INSURANCE, 86_000, 12, 240, 0, 0.6, 5.5, 0.16),
    Plan("자동차보험", "손해보험", INSURANCE, 65_000, 12, 120, 0, 0.9, 4.0, None),
    Plan("정기적금 12", "적금", FINANCE, 200_000, 12, 12, 0, 0.4, 6.0, 0.01, 8),
    Plan("정기적금 24", "적금", FINANCE, 300_000, 12, 24, 0, 0.4, 6.0, 0.01),
    Plan("신용대출 36", "대출", FINANCE, 240_000, 12, 36, 0, 0.4, 9.0, None, 10),
    Plan("주택담보대출 120", "대출", FINANCE, 610_000, 12, 120, 36, 0.3, 9.0, 0.02),
)
PLAN_SHARES = np.array([0.17, 0.14, 0.08, 0.13, 0.14, 0.08, 0.07, 0.08, 0.04, 0.05, 0.02])


@dataclass(frozen=True)
class Company:
    """Keys by number: retail products come first, then the plans in their order; branches, agencies, centres."""

    areas: Areas
    product_keys: pa.Array
    retail_margins: np.ndarray
    branch_keys: pa.Array

    @property
    def retail_count(self) -> int:
        return len(self.retail_margins)


def draw_company(areas: Areas) -> Company:
    margins = np.concatenate(
        [rate + 0.01 * np.arange(count) for _, count, rate in RETAIL_GROUPS],
    )
    products = [f"P{1001 + n}" for n in range(len(margins))] + [f"Q{2001 + n}" for n in range(len(PLANS))]
    branches = [f"B{n + 1:03d}" for n in range(BRANCHES)] + [f"A{n + 1:03d}" for n in range(AGENCIES)]
    branches += [f"H{n + 1:03d}" for n in range(CENTERS)]
    return Company(areas, pa.array(products), margins, pa.array(branches))


def product_deliveries(company: Company, period: Period) -> tuple[dict, np.ndarray]:
    """Each list in full: a margin is revised and a product added from one list to the next."""
    days = first_days_of_quarters(period, LATER_LISTS)
    groups = [g for name, count, _ in RETAIL_GROUPS for g in [name] * count]
    retail = [
        (key, f"{group} {n % 10 + 1}호", group, UNITS[RETAIL], round(1000 * margin), None)
        for n, (key, group, margin) in enumerate(
            zip(company.product_keys.to_pylist(), groups, company.retail_margins, strict=False)
        )
    ]
    plans = [
        (
            f"Q{2001 + n}",
            plan.name,
            plan.group,
            UNITS[plan.unit],
            None if plan.margin_rate is None else round(1000 * plan.margin_rate),
            None if plan.next_step is None else f"Q{2001 + plan.next_step}",
        )
        for n, plan in enumerate(PLANS)
    ]
    rows = []
    for issue in range(len(days)):
        listed = retail + [
            (f"P{1901 + n}", f"신상품 {n + 1}", "생활용품", UNITS[RETAIL], 260, None) for n in range(issue)
        ]
        revised = {4 * n for n in range(1, issue + 1)}
        rows.append([(*r[:4], r[4] - 10, r[5]) if n in revised else r for n, r in enumerate(listed)] + plans)
    return _table(
        rows,
        days,
        ("product_key", "product_name", "product_group", "business_unit", "margin_rate", "next_product_key"),
        thousandths="margin_rate",
    )


def branch_deliveries(company: Company, period: Period, generator: np.random.Generator) -> tuple[dict, np.ndarray]:
    """Each list in full: from one list to the next an agency is renamed; an idle branch opens and later closes."""
    days = first_days_of_quarters(period, LATER_LISTS)
    keys = company.branch_keys.to_pylist()
    places = generator.choice(len(company.areas.key), len(keys) + LATER_LISTS, p=company.areas.share).tolist()
    district, areas = company.areas.district.to_pylist(), company.areas.key.to_pylist()
    opened = period.start - generator.integers(400, 9000, len(keys))
    kinds = [0] * BRANCHES + [1] * AGENCIES + [2] * CENTERS
    words = ("지점", "대리점", "고객센터")
    rows = []
    for issue in range(len(days)):
        listed = [
            (
                key,
                f"{district[place]} {words[kind]}{' 새로' if kind == 1 and n - BRANCHES < issue else ''}",
                BRANCH_TYPES[kind],
                areas[place],
                opened[n],
                NO_DAY,
            )
            for n, (key, kind, place) in enumerate(zip(keys, kinds, places, strict=False))
        ]
        # Nobody sells at these: they show that a list may grow and that a branch may close.
        listed += [
            (
                f"B{900 + n}",
                f"{district[places[len(keys) + n]]} 임시지점",
                BRANCH_TYPES[0],
                areas[places[len(keys) + n]],
                days[n + 1],
                days[issue] if issue > n + 1 else NO_DAY,
            )
            for n in range(issue)
        ]
        rows.append(listed)
    names = ("branch_key", "branch_name", "branch_type", "area_key", "opened_date", "closed_date")
    columns, delivered = _table(rows, days, names)
    for name in ("opened_date", "closed_date"):
        columns[name] = np.array(columns[name].to_pylist(), dtype="datetime64[D]")
    return columns, delivered


def _table(
    issues: list[list[tuple]], days: np.ndarray, names: tuple[str, ...], thousandths: str = ""
) -> tuple[dict, np.ndarray]:
    flat = [row for issue in issues for row in issue]
    columns = {}
    for place, name in enumerate(names):
        values = [row[place] for row in flat]
        if name == thousandths:
            numbers = np.array([-1 if value is None else value for value in values])
            shown = text.join("0.", text.whole(numbers.clip(0), 3))
            columns[name] = text.pick(numbers < 0, None, shown)
        else:
            columns[name] = pa.array(
                [None if value is None or value is NO_DAY else str(value) for value in values], pa.string()
            )
    return columns, days.repeat([len(issue) for issue in issues])
