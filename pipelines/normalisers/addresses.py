r"""Korean addresses taken apart: by road name and building number, or by town and lot number.

- `address_parts(text)`: a struct, each field null where not named, of
  `town`, the dong, eup or myeon
  `street`, the road; of a lot the dong or ri it lies in
  `house_number`, the building's or lot's, then building and unit: `152 101-1203`
  `has_unit`, whether a unit is named; else it may be a whole apartment block
  `province`, `district`, `township`, `dong`: the names of the region's levels as they are written
- `region_key(parts)`, `district_key(parts)`: the names by which a region, and its district, are looked up
- `region_code(parts)`: the code of the smallest region that `address_parts` names and `create_region_keys` knows; of a
  road address without its dong in parentheses that is a district

Provinces are known in every form (서울, 서울시, 서울특별시; 전북, 전라북도, 전북특별자치도). Other countries' addresses
come in columns of their own and need no taking apart.
"""

import duckdb

from pipelines.connections import identifier, literal

_CITIES = "서울|부산|대구|인천|대전|울산|세종"
_PROVINCES = f"{_CITIES}|광주|경기|강원|제주|[충전경][남북]"
_FULL_PROVINCE = (
    f"(?:{_PROVINCES})(?:특별자치도|특별자치시|특별시|광역시|직할시)|[충전경][청라상][남북]도|(?:경기|강원|제주)도"
)
# 광주시 is not among them: it may be the city of Gyeonggi too. Nor is 제주시, a city of Jeju.
_SHORT_PROVINCE = f"(?:{_CITIES})시|(?:{_PROVINCES})도?"

_PARTS = (
    rf"^(?:({_FULL_PROVINCE})(?: ?)|({_SHORT_PROVINCE})(?: |$))?"
    r"(?:([^ \d]+시 [^ \d]+구|[^ \d]+[시군구])(?: |$))?(?:([^ \d]+[읍면])(?: |$))?"
    r"(?:([^ \d(,][^ (,]*(?:로 \d+번?길|동|리|가|로|길)) ?)?"
    r"(?:(산|지하)? ?(\d{1,5})(?:번지)?(?:-(\d{1,5}))?(?:번지)?(?:[ ,(]|$))?(.*)$"
)
_PART_NAMES = ["full", "short", "district", "township", "street", "prefix", "number", "minor", "rest"]
# The dong in parentheses after a road address, as the Ministry of the Interior has it written.
_REMARK = r"(?:^|\()([가-힣][가-힣0-9]*(?:동|리|가))(?:[ ,)]|$)"
# 101동 1203호, or else 101-1203.
_UNIT = (
    r"(?:(?:^|[ ,가-힣])제?(\d{1,4}|[a-z]|[가나다라마바사아자차카타파하])동[ ,]*|^|[ ,가-힣])"
    r"(?:(?:지하|b)?\d{1,2}층[ ,]*)?"
    r"제?((?:지하|b)?\d{1,5})호"
    r"|(?:^|[ ,가-힣])(\d{1,4})-(\d{1,5})(?:[ ,(]|$)"
)
_UNIT_NAMES = ["building", "unit", "short_building", "short_unit"]

# DuckDB writes a macro's argument out at each mention: what is nested is named once, as a lambda's.
MACROS = f"""
create or replace temp macro short_province(province) as
    case
        when province[2] in ('청', '라', '상') then province[1] || province[3]
        else left(province, 2)
    end;
create or replace temp macro address_words(text) as
    list_transform(
        [regexp_extract(lower(plain_letters(text)), {literal(_PARTS)}, {_PART_NAMES})],
        lambda part: struct_pack(
            province := part.full || part.short,
            district := part.district,
            township := part.township,
            street := replace(part.street, ' ', ''),
            is_lot := right(part.street, 1) in ('동', '리', '가'),
            number := part.prefix || part.number || if(part.minor = '', '', '-' || part.minor),
            flat := regexp_extract(part.rest, {literal(_UNIT)}, {_UNIT_NAMES}),
            remark := regexp_extract(part.rest, {literal(_REMARK)}, 1)
        )
    )[1];
create or replace temp macro address_parts(text) as
    list_transform(
        [address_words(text)],
        lambda word: struct_pack(
            town := nullif(
                case
                    when word.township <> '' then word.township
                    when word.is_lot then word.street
                    else word.remark
                end,
                ''
            ),
            street := nullif(if(word.street = '' and word.number <> '', word.township, word.street), ''),
            house_number := nullif(
                concat_ws(
                    ' ',
                    nullif(word.number, ''),
                    nullif(
                        concat_ws(
                            '-',
                            nullif(word.flat.building || word.flat.short_building, ''),
                            nullif(word.flat.unit || word.flat.short_unit, '')
                        ),
                        ''
                    )
                ),
                ''
            ),
            has_unit := word.flat.unit || word.flat.short_unit <> '',
            province := nullif(word.province, ''),
            district := nullif(word.district, ''),
            township := nullif(word.township, ''),
            dong := nullif(if(word.is_lot, word.street, word.remark), '')
        )
    )[1];
create or replace temp macro district_key(parts) as
    nullif(concat_ws(' ', short_province(parts.province), parts.district), '');
create or replace temp macro region_key(parts) as
    nullif(concat_ws(' ', district_key(parts), parts.township, parts.dong), '');
"""

_REGION_MACROS = """
create or replace temp macro region_code_of(key) as (
    select region_keys.region_code from region_keys where region_keys.region_key = key
);
create or replace temp macro region_code(parts) as
    coalesce(
        region_code_of(region_key(parts)),
        region_code_of(regexp_replace(region_key(parts), '[0-9]+동$', '동')),
        region_code_of(district_key(parts))
    );
"""


def create_region_keys(connection: duckdb.DuckDBPyConnection, regions: str) -> None:
    """Create the macro `region_code` and the temporary table `region_keys` that it reads.

    `regions` is a table of `region_code`, `region_name` (the full name, from the province down) and `is_current`, as
    the government's legal-dong file has them. A name that is current wins over one that was abolished. Without its
    province a name is a key where no other region has it.
    """
    connection.execute(f"""
        create or replace temp table region_keys as
        with named as (
            select
                short_province(split_part(region_name, ' ', 1)) || regexp_extract(region_name, ' .*') as region_key,
                region_code,
                is_current
            from {identifier(regions)}
            -- Offices' dongs, such as 역삼1동, were in the file once; now they lie in the dong of their name.
            where is_current or not regexp_matches(region_name, '[0-9]동$')
        ),
        known as (
            select region_key, max_by(region_code, (is_current, region_code)) as region_code
            from named
            group by region_key
        ),
        without_province as (
            select regexp_extract(region_key, '[^ ]+ (.+)', 1) as region_key, any_value(region_code) as region_code
            from known
            where contains(region_key, ' ')
            group by 1
            having count(*) = 1
        ),
        -- 광주시 has wards where it is the metropolitan city.
        metropolitan as (
            select replace(region_key, '광주 ', '광주시 ') as region_key, region_code
            from known
            where starts_with(region_key, '광주 ')
        ),
        final as (
            select *, 1 as precedence from known
            union all
            select *, 2 as precedence from metropolitan
            union all
            select *, 3 as precedence from without_province
        )
        select region_key, min_by(region_code, precedence) as region_code from final group by region_key
    """)
    connection.execute(_REGION_MACROS)
