r"""Names of people and firms without what is not the name: spaces, honorifics, legal forms, punctuation, accents.

- `spaced_name(text)`: the name with single spaces between its words, in lower case; `Hong, Gil-dong` is `gildong hong`
- `plain_name(text)`: the same without spaces, so that `홍 길동님` and `홍길동` are equal
- `family_name(spaced)`, `given_name(spaced)`: of a person's `spaced_name`
- `owner_name(spaced)`: the person a sole proprietor's name ends with: `행복식당 김은경` belongs to `김은경`;
  null where it ends with nobody's

A placeholder such as `미상` is no name. A firm has neither family nor given name: its caller does not ask.
"""

from pipelines.connections import literal

LEGAL_FORMS = (
    "주식회사|유한책임회사|유한회사|합자회사|합명회사|농업회사법인|어업회사법인|영농조합법인|사단법인|재단법인|의료법인"
    r"|학교법인|사회복지법인|\((?:주|유|자|합|재|사|의|학|복)\)|[㈜㈔]"
)
_LATIN_LEGAL_FORM = (
    r"(?:[ ,]+(?:(?:co|company)[ .,]+)?(?:ltd|limited|inc|incorporated|corp|corporation|llc|llp|plc|gmbh|pte|pty)\b\.?"
    r"|[ ,]+(?:company|co\.))+$"
)
# 군 and 양 end given names too, and stay.
_HONORIFIC = (
    r" *(?:(?:고객|회원|선생|사장|대표|부장|과장|차장|대리|원장|교수|여사|사모)? ?님|씨|귀하|귀중)[ .]*$"
    r"| (?:대표|사장|여사|선생|고객|앞)$"
    r"|^(?:mr|mrs|ms|miss|dr|prof)(?:\. *| )"
)
_PLACEHOLDER = (
    "|미상|불명|없음|모름|무명|미입력|고객|이름없음|성명불상|unknown|none|null|na|noname|anonymous|test|테스트|x+"
)

# Two syllables. With the second kind a name of three is rather one and two (many more are 황 보람 than 황보 람), unless
# a space says otherwise.
_SURNAMES_ANYWAY = "남궁|제갈|독고|사공"
_SURNAMES_OF_FOUR = "황보|선우|서문|동방|어금|망절"
_HANGUL_NAME = f"(?:(?:{_SURNAMES_ANYWAY}|{_SURNAMES_OF_FOUR}) ?[가-힣]{{1,3}}|[가-힣] ?[가-힣]{{1,4}})"
# The surnames of 99 in 100 Koreans (census of 2015), by which a person's name is known at the end of a shop's.
_COMMON_SURNAMES = (
    "[김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구나민진지엄채원천방공현함변염여추도소석선설마길"
    "연위표명기반라왕금옥육인맹제모탁국]"
)
_OWNER = f"(?:{_SURNAMES_ANYWAY}|{_SURNAMES_OF_FOUR}) ?[가-힣]{{1,2}}|{_COMMON_SURNAMES} ?[가-힣]{{1,2}}"


def _listed(alternatives: str) -> str:
    return ", ".join(literal(surname) for surname in alternatives.split("|"))


# DuckDB writes a macro's argument out at each mention: what is nested is named once, as a lambda's.
MACROS = f"""
create or replace temp macro without_latin_forms(letters) as
    regexp_replace(
        regexp_replace(
            regexp_replace(lower(strip_accents(letters)), '\\([^)]*\\)?', ' ', 'g'), {literal(_LATIN_LEGAL_FORM)}, ''
        ),
        '^([a-z][a-z .''’-]*), *([a-z][a-z .''’-]*)$', '\\2 \\1'
    );
create or replace temp macro without_signs(name) as
    regexp_replace(regexp_replace(name, '[''’`·ㆍ・‐‑-]+', '', 'g'), '[^\\p{{L}}\\p{{N}}]+', ' ', 'g');
create or replace temp macro without_honorific(name) as
    trim(regexp_replace(name, {literal(_HONORIFIC)}, '', 'g'));
create or replace temp macro spaced_name(text) as
    list_transform(
        [list_transform(
            [regexp_replace(plain_letters(text), {literal(LEGAL_FORMS)}, ' ', 'g')],
            lambda letters: case
                when regexp_full_match(letters, '[가-힣 ]*') then without_honorific(letters)
                else trim(without_signs(without_honorific(without_latin_forms(letters))))
            end
        )[1]],
        lambda name: case when not regexp_full_match(name, {literal(_PLACEHOLDER)}) then name end
    )[1];
create or replace temp macro plain_name(text) as replace(spaced_name(text), ' ', '');
create or replace temp macro hangul_family_name(name) as
    case
        when name[1:2] in ({_listed(_SURNAMES_ANYWAY)}) and length(name) > 2 then name[1:2]
        when name[1:2] in ({_listed(_SURNAMES_OF_FOUR)}) and length(name) > 3 then name[1:2]
        else name[1]
    end;
create or replace temp macro family_name(spaced) as
    list_transform(
        [spaced],
        lambda name: case
            when regexp_full_match(name, {literal(_HANGUL_NAME)}) then hangul_family_name(name)
            when not regexp_matches(name, '[가-힣]') then nullif(regexp_extract(name, ' ([^ ]+)$', 1), '')
        end
    )[1];
create or replace temp macro given_name(spaced) as
    list_transform(
        [spaced],
        lambda name: case
            when regexp_full_match(name, {literal(_HANGUL_NAME)})
                then trim(name[length(hangul_family_name(name)) + 1:])
            when not regexp_matches(name, '[가-힣]')
                then nullif(replace(regexp_extract(name, '^(.+) [^ ]+$', 1), ' ', ''), '')
        end
    )[1];
create or replace temp macro owner_name(spaced) as
    list_transform(
        [spaced],
        lambda name: case
            when regexp_full_match(name, {literal(_HANGUL_NAME)}) then replace(name, ' ', '')
            else nullif(replace(regexp_extract(name, {literal(f" ({_OWNER})$")}, 1), ' ', ''), '')
        end
    )[1];
"""
