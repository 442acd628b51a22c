"""The areas customers live in: real provinces and districts, made-up towns, codes and statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.simulator import text
from pipelines.simulator.calendar import Period

# Province code, name, share of the population in per mille, districts.
PROVINCES = (
    ("11", "서울특별시", 184, "종로구 중구 용산구 성동구 마포구 강서구 영등포구 관악구 서초구 강남구 송파구 노원구"),
    ("26", "부산광역시", 64, "중구 부산진구 해운대구 사하구 수영구"),
    ("27", "대구광역시", 46, "중구 수성구 달서구"),
    ("28", "인천광역시", 58, "미추홀구 연수구 부평구 서구"),
    ("29", "광주광역시", 28, "서구 북구 광산구"),
    ("30", "대전광역시", 28, "중구 서구 유성구"),
    ("31", "울산광역시", 22, "남구 울주군"),
    ("36", "세종특별자치시", 8, "세종시"),
    ("41", "경기도", 265, "수원시 성남시 고양시 용인시 부천시 안산시 안양시 화성시 평택시 파주시"),
    ("51", "강원특별자치도", 30, "춘천시 원주시 강릉시"),
    ("43", "충청북도", 31, "청주시 충주시"),
    ("44", "충청남도", 41, "천안시 아산시 서산시"),
    ("52", "전북특별자치도", 34, "전주시 익산시 군산시"),
    ("46", "전라남도", 35, "여수시 순천시 목포시"),
    ("47", "경상북도", 50, "포항시 구미시 경주시"),
    ("48", "경상남도", 63, "창원시 김해시 진주시"),
    ("50", "제주특별자치도", 13, "제주시 서귀포시"),
)
TOWNS = ["중앙동", "신흥동", "평화동", "태평동", "송정동", "남산동", "양지동", "금곡동", "문화동", "월성동"]
TOWNS_PER_DISTRICT = 4


@dataclass(frozen=True)
class Areas:
    """One entry per area; `share` is the part of the customers who live there."""

    key: pa.Array
    province: pa.Array
    district: pa.Array
    town: pa.Array
    share: np.ndarray


def draw_areas(generator: np.random.Generator) -> Areas:
    """Ten-digit codes as the legal-dong codes are built: province, district, town, and two zeros."""
    rows = [
        (f"{code}{110 + 30 * d:03d}{101 + t:03d}00", province, district, share / len(districts.split()))
        for code, province, share, districts in PROVINCES
        for d, district in enumerate(districts.split())
        for t in range(TOWNS_PER_DISTRICT)
    ]
    starts = generator.integers(0, len(TOWNS), len(rows) // TOWNS_PER_DISTRICT).repeat(TOWNS_PER_DISTRICT)
    town = (starts + np.tile(np.arange(TOWNS_PER_DISTRICT), len(rows) // TOWNS_PER_DISTRICT)) % len(TOWNS)
    share = np.array([row[3] for row in rows]) * generator.uniform(0.6, 1.4, len(rows))
    key, province, district = (pa.array([row[n] for row in rows]) for n in range(3))
    return Areas(key, province, district, text.words(TOWNS, town), share / share.sum())


def area_deliveries(areas: Areas, period: Period, generator: np.random.Generator) -> tuple[dict, np.ndarray]:
    """The statistics office's yearly list: columns and delivery days, sorted by day."""
    first_month = period.start.astype("datetime64[M]") + 1
    months = np.arange(first_month, period.end.astype("datetime64[M]") + 1)
    januaries = months[months.astype(int) % 12 == 0].astype("datetime64[D]")
    days = np.concatenate([np.array([period.start]), januaries])
    count, issues = len(areas.key), len(days)
    growth = 1 + 0.01 * np.arange(issues)[:, None] * generator.normal(0, 1, count)
    population = np.maximum(200, areas.share * 51_000_000 / 18 * growth).astype(np.int64)
    households = np.round(population / generator.uniform(2.0, 2.6, count)).astype(np.int64)
    age_tenths = np.round(generator.normal(44, 3.5, count).clip(32, 60) * 10).astype(np.int64)
    age_tenths = age_tenths + 2 * np.arange(issues)[:, None]
    income = np.round(generator.normal(54, 9, count).clip(30, 95) * 100) * 10_000
    income = np.round(income * (1 + 0.03 * np.arange(issues)[:, None]) / 10_000).astype(np.int64) * 10_000
    row = np.tile(np.arange(count), issues)
    age = age_tenths.ravel()
    columns = {
        "area_key": areas.key.take(pa.array(row)),
        "province": areas.province.take(pa.array(row)),
        "district": areas.district.take(pa.array(row)),
        "town": areas.town.take(pa.array(row)),
        "population_count": population.ravel(),
        "household_count": households.ravel(),
        "median_age_years": text.join(text.whole(age // 10), ".", text.whole(age % 10)),
        "median_income_amount": income.ravel(),
    }
    return columns, days.repeat(count)
