"""Many strings at once are found where each of them is, in bytes as in texts that are squeezed first."""

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.person.plain_strings import PlainStrings
from pipelines.person.spellings import END, squeezed, squeezed_content

# What squeezing treats apart, and what lies beside it in UTF-8: syllables, their parts, digits of full width, dashes.
ODD = (
    "\0 -.()/\t\x1fAzÄß\u00a0\u0301\u1100\u1161\u2013\u2212\u3000"
    "\ua722\uabff가힣\ud7a4\ud7fb\uff0d\uff10\uff190년월\U0001f600"
)
texts = st.lists(st.text(st.sampled_from(ODD + "ab1홍"), max_size=12), max_size=8)


@example(["A\0\u0301"])
@given(texts)
def test_texts_are_squeezed_together_as_each_is_by_itself(texts):
    content = "".join(text + END for text in texts).encode()
    alone = "".join(squeezed(text.replace("\0", "")) + END for text in texts)
    assert squeezed_content(content).decode() == alone


@pytest.mark.parametrize("nothing", ["\0", END])
def test_what_counts_for_nothing_keeps_no_letter_from_its_accent(nothing):
    """A name that was stored with a zero byte in it is found all the same."""
    assert squeezed(f"A{nothing}\u0301") == squeezed("A\u0301") == squeezed("\u00c1") == "\u00e1"
    column = pa.array([f"A{nothing}\u0301nna{END}"])
    assert PlainStrings([squeezed("\u00c1nna").encode()]).rows(column).tolist() == [0]


@example(["A\0\u0301"], ["\u00e1"])
@given(texts, st.lists(st.text("a1홍ß", min_size=1, max_size=3), max_size=4))
@pytest.mark.parametrize("type_of_texts", [pa.string(), pa.large_string()])
def test_the_texts_are_found_in_which_a_string_is(type_of_texts, texts, strings):
    column = pa.array([text + END for text in ("not of the slice", *texts)], type_of_texts).slice(1)
    found = PlainStrings(string.encode() for string in strings).rows(column).tolist()
    squeezed_texts = [squeezed(text.replace("\0", "")) for text in texts]
    assert found == [place for place, text in enumerate(squeezed_texts) if any(string in text for string in strings)]


def test_a_text_with_the_end_of_texts_in_it_is_kept_apart_from_the_next():
    column = pa.array([f"one{END}two{END}", f"three{END}", f"two{END}"])
    assert PlainStrings([b"two"]).rows(column).tolist() == [0, 2]


def test_a_string_within_another_is_found_too():
    assert sorted(PlainStrings([b"anna", b"ann", b"nab"]).found(b"hannab")) == [(0, 1, 5), (1, 1, 4), (2, 3, 6)]
    assert PlainStrings([]).found(b"any") == []
