"""Korean names of people, shops and companies, and the ways in which they are written differently.

Surnames are drawn by their share in the census, so homonyms are as frequent as in life. Every name can be
encoded in CP949.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.simulator import text

# Shares in per mille of the population (census of 2015, rounded); the rest is spread over the last entries.
SURNAMES = {
    "김": 215, "이": 147, "박": 84, "최": 47, "정": 43, "강": 24, "조": 21, "윤": 21, "장": 20, "임": 17,
    "한": 15, "오": 15, "서": 15, "신": 15, "권": 14, "황": 14, "안": 14, "송": 14, "류": 13, "전": 11,
    "홍": 11, "고": 9, "문": 9, "양": 9, "손": 9, "배": 8, "백": 8, "허": 7, "유": 7, "남": 5,
    "심": 5, "노": 5, "하": 5, "곽": 4, "성": 4, "차": 4, "주": 4, "우": 4, "구": 4, "나": 3,
    "민": 3, "진": 3, "지": 3, "엄": 3, "채": 3, "원": 3, "천": 2, "방": 2, "공": 2, "현": 2,
    "함": 2, "변": 2, "염": 1, "여": 1, "추": 1, "도": 1, "소": 1, "석": 1, "선": 1, "설": 1,
    "남궁": 1, "황보": 1, "제갈": 1, "선우": 1, "독고": 1,
}  # fmt: skip
FEMALE_FIRST = "지서수민은영미현혜유예하윤경정선희보다소채가나연주진"
FEMALE_SECOND = "영희연은진정주현민아윤서원미경선혜숙자람빈지나린"
MALE_FIRST = "민서지현준성영재동진승우태도시윤주하건정상경철기병용"
MALE_SECOND = "준훈우호현민수진석환철식혁규빈영재원성욱윤찬기범"
SINGLE = "준훈현진민솔윤은건율혁별"

STEMS = [
    "한빛",
    "대성",
    "신화",
    "동아",
    "삼원",
    "미래",
    "서진",
    "태광",
    "우진",
    "세종",
    "한울",
    "동방",
    "금강",
    "태평",
    "청솔",
    "누리",
    "다온",
    "가람",
]
TRADES = ["전자", "물산", "건설", "상사", "식품", "기계", "화학", "유통", "산업", "테크", "로지스", "엔지니어링"]
SHOPS = [
    "행복식당",
    "우리마트",
    "소망약국",
    "제일철물",
    "미소미용실",
    "한아름문구",
    "중앙세탁",
    "으뜸정비",
    "새벽떡집",
    "푸른꽃집",
]

# What a clerk hears or mistypes: the left is written as the right.
CONFUSED = (("류", "유"), ("재", "제"), ("혜", "헤"), ("희", "히"), ("현", "헌"), ("영", "연"), ("은", "운"))


def draw_person_names(is_male: np.ndarray, generator: np.random.Generator) -> pa.Array:
    """Surname and given name of each person, two to four syllables."""
    count = len(is_male)
    shares = np.array(list(SURNAMES.values()), dtype=float)
    surnames = text.words(list(SURNAMES), generator.choice(len(shares), count, p=shares / shares.sum()))
    female = _given(FEMALE_FIRST, FEMALE_SECOND, count, generator)
    male = _given(MALE_FIRST, MALE_SECOND, count, generator)
    given = text.pick(is_male, male, female)
    single = text.words(list(SINGLE), generator.integers(0, len(SINGLE), count))
    return text.join(surnames, text.pick(generator.random(count) < 0.03, single, given))


def draw_company_names(count: int, generator: np.random.Generator) -> pa.Array:
    stem = text.words(STEMS, generator.integers(0, len(STEMS), count))
    trade = text.words(TRADES, generator.integers(0, len(TRADES), count))
    form = text.words(["(주)", "주식회사 "], generator.integers(0, 2, count))
    return text.join(form, stem, trade)


def draw_shop_names(count: int, generator: np.random.Generator) -> pa.Array:
    return text.words(SHOPS, generator.integers(0, len(SHOPS), count))


def respell(names: pa.Array, generator: np.random.Generator) -> pa.Array:
    """Each name in another spelling: a confused syllable, a space after the surname, an honorific, a legal form.

    The confusion is drawn per name; a name without that syllable gets a space or an honorific instead.
    """
    kind = generator.integers(0, len(CONFUSED), len(names))
    spelled = names
    for number, (heard, written) in enumerate(CONFUSED):
        spelled = pc.if_else(pa.array(kind == number), pc.replace_substring(names, heard, written), spelled)
    short = pc.replace_substring(names, "주식회사 ", "(주)")
    long = pc.replace_substring(names, "(주)", "주식회사 ")
    spelled = pc.if_else(pc.equal(short, names), pc.if_else(pc.equal(long, names), spelled, long), short)
    spaced = pc.utf8_replace_slice(names, 1, 1, " ")
    honoured = text.join(names, "님")
    otherwise = text.pick(generator.random(len(names)) < 0.5, spaced, honoured)
    return pc.if_else(pc.equal(spelled, names), otherwise, spelled)


def _given(first: str, second: str, count: int, generator: np.random.Generator) -> pa.Array:
    """Two syllables, the earlier ones more often: given names repeat in life."""
    front = np.floor(len(first) * generator.random(count) ** 1.6).astype(int)
    back = np.floor(len(second) * generator.random(count) ** 1.6).astype(int)
    return text.join(text.words(list(first), front), text.words(list(second), back))
