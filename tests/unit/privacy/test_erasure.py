"""An erasure as the real gate, archive and ledger see it, without the marts: what goes, what stays, what comes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from loading_home import LoadingHome

from pipelines.connections import connected
from pipelines.contracts import feeds
from pipelines.errors import UsageError
from pipelines.identity.resolution import resolve
from pipelines.ledger.decisions import Author
from pipelines.ledger.export import export_state
from pipelines.loading.reload import Reload
from pipelines.person.search import search
from pipelines.privacy import erased_rows, erased_state, erasure, journal
from pipelines.privacy.interrupted import finish_interrupted
from pipelines.privacy.separation import destroy_ended
from pipelines.replay.rebuild import rebuild

ERASED_DATE = date(2024, 6, 30)
AUTHOR = Author("officer", datetime(2024, 6, 30, 9), "request 4711")
FIGURES = {
    "branch__contracts": "count(*)",
    "branch__contract_holders": "count(distinct (contract_key, customer_key, holder_role, valid_from))",
    "branch__transactions": "(count(*), sum(amount))",
    "call_center__calls": "count(*)",
    "consent__refusals": "count(distinct (refusal_list, phone, checked_date))",
    "dm__mailings": "count(*)",
    "dm__returns": "count(*)",
}


def quiet(*_: Any) -> None:
    """Progress that nobody looks at."""


def copied(home: LoadingHome, folder: Path) -> LoadingHome:
    """A copy of the home, with sources and files of its own."""
    shutil.copytree(home.settings.home, folder)
    settings = replace(home.settings, home=folder, sources_file=folder / "sources.yml")
    copy = LoadingHome(settings, [dict(source) for source in home.sources], home.company)
    with connected(settings, settings.warehouse) as warehouse:
        export_state(warehouse, settings)
    return copy


def planned(home: LoadingHome) -> erasure.Plan:
    home.settings.scratch.mkdir(exist_ok=True)
    return erasure.plan(home.settings, home.sources_file(), ["branch:K00001"], quiet)


def erase(home: LoadingHome) -> erasure.Plan:
    found = planned(home)
    erasure.begin(home.settings, found, AUTHOR, ERASED_DATE)
    erasure.finish(home.settings, home.sources_file(), quiet)
    return found


def places(home: LoadingHome, found: erasure.Plan) -> set[tuple[str, str]]:
    """Folder or file, and place in it, wherever a value of the person is found."""
    skip = [home.settings.scratch, home.inbox]
    hits = search(home.settings, home.settings.home, found.values, skip)
    return {(hit.file.split("/")[0], hit.place) for hit in hits}


def hits(home: LoadingHome, found: erasure.Plan) -> set[str]:
    return {folder for folder, _ in places(home, found)}


def figures(home: LoadingHome) -> dict[str, Any]:
    return home.rows_of({feed: f"select {what} from raw.{feed}" for feed, what in FIGURES.items()})


def raw_rows(home: LoadingHome) -> dict[str, list[tuple]]:
    return home.rows_of({feed: f"from raw.{feed} order by all" for feed in feeds()})


def state_rows(home: LoadingHome) -> dict[str, list[tuple]]:
    tables = ("decisions", "identity_assignments", "identity_events", "identity_overrides", "tombstones", "accesses")
    return home.rows_of({table: f"from state.{table} order by all" for table in tables})


def counts(home: LoadingHome, feed: str, day: str) -> tuple:
    """Read, loaded, quarantined, duplicate, unchanged and blocked of a feed's delivery in force."""
    ((found),) = home.rows(
        "select sum(rows_read), sum(rows_loaded), sum(rows_quarantined), sum(rows_duplicate), sum(rows_unchanged), "
        "sum(rows_blocked) from ledger.loads where is_current and feed = ? and delivery_date = ?",
        feed,
        day,
    )
    assert found[0] == sum(found[1:])
    return found


@pytest.fixture(scope="module")
def before(person_home: LoadingHome, tmp_path_factory: pytest.TempPathFactory) -> LoadingHome:
    """The person's home, in which rows of theirs are held, fixed and overridden, and a version was published."""
    home = copied(person_home, tmp_path_factory.mktemp("before") / "home")
    settings = home.settings
    with connected(settings, settings.warehouse) as warehouse:
        warehouse.execute(
            """
            insert into state.decisions
            select 1, 'fix', 'steward', now(), 'sky@example.com wrote', feed, batch_id, 2, 'x',
                '{"address": "세종시 한누리로 12", "mailed_date": "2024-01-07"}'
            from ledger.loads where feed = 'dm__mailings';
            update quarantine.rows set record = record || ' sky@example.com' where record like '%5626%';
            insert into state.accesses
            select 1, customer_id, 'officer', now(), 'request 4710', 'sky.json'
            from state.identity_assignments where resolution_number = 2;
            insert into state.identity_overrides
            select 1, 'never', record_id, 'other', 'steward', now(), 'two', null
            from state.identity_assignments where resolution_number = 2
            """
        )
        export_state(warehouse, settings)
    home.load("dm__mailings", reload=Reload())
    settings.versions.mkdir(parents=True)
    shutil.copy(settings.warehouse, settings.versions / "crm-20240101T000000-00000000.duckdb")
    return home


@pytest.fixture
def new(before: LoadingHome, tmp_path: Path) -> LoadingHome:
    return copied(before, tmp_path / "home")


@pytest.fixture(scope="module")
def erased(before: LoadingHome, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadingHome, erasure.Plan]:
    """A home of which the person was erased. Nobody changes it."""
    home = copied(before, tmp_path_factory.mktemp("erased") / "home")
    return home, erase(home)


def test_nothing_of_an_erased_person_is_found_where_it_was_before(before, erased):
    home, found = erased
    assert hits(before, found) >= {"archive", "state", "warehouse.duckdb", "published"}
    assert hits(home, found) == set()
    assert not home.settings.erasure_journal.exists()


def test_who_looked_stays_and_whom_they_looked_at_does_not(erased):
    log = "select customer_id, accessed_by, reason, written_to from state.accesses"
    assert erased[0].rows(log) == [("-3", "officer", "erased", None)]


def test_totals_of_every_feed_but_the_register_stay(before, erased):
    assert figures(erased[0]) == figures(before)


def test_rows_of_others_stay_as_they_are(before, erased):
    theirs = {
        "branch__customers": "customer_key <> 'K00001' and customer_key <> '77777'",
        "branch__transactions": "customer_key = 'K00002'",
        "call_center__calls": "call_key in ('L2', 'L3')",
        "consent__refusals": "phone = '010-2222-2222'",
        "dm__mailings": "mailing_key in ('M3', 'M4')",
        "branch__employees": "true",
    }
    for feed, condition in theirs.items():
        query = f"from raw.{feed} where {condition} order by all"
        assert erased[0].rows(query) == before.rows(query) != [], feed


def test_facts_of_an_erased_person_belong_to_the_erased_member(erased):
    home, _ = erased
    assert home.rows("select customer_key from raw.branch__transactions where transaction_key = 'T1'") == [("-3",)]
    assert home.rows("select customer_key, phone from raw.call_center__calls where call_key = 'L1'") == [("-3", None)]
    assert (
        home.rows(
            "select customer_key, recipient_name, address from raw.dm__mailings where mailing_key in ('M1', 'M2')"
        )
        == [("-3", None, None)] * 2
    )
    ((holder,), (other,)) = home.rows(
        "select customer_key from raw.branch__contract_holders where customer_key like '-3%' order by all"
    )
    # One person is one holder, however many contracts, and no digits make a telephone number of the pseudonym.
    assert holder == other and holder.startswith("-3:") and not any(letter.isdigit() for letter in holder[2:])


def test_arrival_counts_stay_and_what_was_erased_stands_beside_them(before, erased):
    for feed in ("branch__customers", "dm__mailings"):
        assert counts(erased[0], feed, "2024-01-31") == counts(before, feed, "2024-01-31")
    beside = dict(
        erased[0].rows(
            "select feed, (sum(rows_removed), sum(rows_changed))::varchar from state.erased_batches group by all"
        )
    )
    # Their row and an unreadable line of each of the branch's two deliveries, and the shop's record.
    assert beside["branch__customers"] == "(5, 0)"
    assert beside["dm__mailings"] == "(0, 2)"
    assert erased[0].rows("select count(*) from state.erased_batches where archive_hash is null") == [(0,)]


def test_an_erased_person_is_not_resurrected_by_a_rebuild(erased, tmp_path):
    home, found = erased[0], erased[1]
    new = copied(home, tmp_path / "home")
    rebuild(new.settings, new.sources_file(), "rebuild", quiet)
    assert raw_rows(new) == raw_rows(home)
    assert hits(new, found) == set()
    assert counts(new, "branch__customers", "2024-01-31")[-1] == 3
    assert new.rows("select feed, row_number, status from quarantine.rows order by all") == home.rows(
        "select feed, row_number, status from quarantine.rows order by all"
    )


def test_a_source_file_that_still_has_the_person_is_not_read_again(erased, tmp_path):
    new = copied(erased[0], tmp_path / "home")
    for feed in ("branch__customers", "branch__transactions", "dm__mailings"):
        new.load(feed, reload=Reload())
    assert raw_rows(new) == raw_rows(erased[0])
    assert hits(new, erased[1]) == set()


def test_an_old_file_that_comes_again_is_counted_as_blocked(erased, tmp_path):
    new = copied(erased[0], tmp_path / "home")
    files = {"branch__customers": (1, 63), "branch__transactions": (1, 5), "dm__mailings": (2, 4)}
    for feed, (blocked, rows) in files.items():
        source = next(one for one in new.sources if one["feed"] == feed)
        new.sources.append(source | {"path": f"inbox/again_{feed}.csv", "delivery_date": "2024-03-31"})
        lines = (new.inbox / f"{feed}.csv").read_text("utf-8")
        new.deliver(f"again_{feed}.csv", lines)
        kept = new.rows(f"select count(*) from raw.{feed}")
        new.load(feed)
        found = counts(new, feed, "2024-03-31")
        assert (found[0], found[-1]) == (rows, blocked), feed
        assert new.rows(f"select count(*) from raw.{feed}") == [(kept[0][0] + found[1],)]
    # Of a line that cannot be split nobody can tell whose it is.
    unread = new.rows("select record from quarantine.rows where record like '%5626-1111%'")
    assert len(unread) == 1
    with connected(new.settings, None) as connection:
        files = [str(path) for path in new.settings.archive.glob("branch__transactions/*/*.parquet")]
        found = connection.execute(
            "select count(*) from read_parquet(?, union_by_name = true) where customer_key = 'K00001'", [files]
        ).fetchone()
    assert found == (0,)


def test_a_later_relationship_is_a_new_customer(erased, tmp_path):
    new = copied(erased[0], tmp_path / "home")
    new.add_source(
        "branch__customers",
        "later_{date:%Y%m%d}.csv",
        {name: name for name in ("customer_key", "customer_name", "registered_date")},
        codec="utf-8",
    )
    header = "customer_key,customer_name,registered_date\n"
    new.deliver("later_20240709.csv", header + "K00001,하늘별,2024-06-30\n")
    new.load("branch__customers")
    assert counts(new, "branch__customers", "2024-07-09")[-1] == 1
    new.deliver("later_20240710.csv", header + "K00001,하늘별,2024-07-01\n")
    new.load("branch__customers")
    assert counts(new, "branch__customers", "2024-07-10")[-1] == 0
    resolve(new.settings, "run", datetime(2024, 7, 10))
    ((record_id, customer_id),) = new.rows(
        "select record_id, customer_id from state.identity_assignments "
        "where record_id in (select record_id from identity.records where record_key = 'K00001')"
    )
    assert customer_id != record_id
    assert customer_id not in erased[1].values["record_id"]


def test_a_running_number_that_reads_like_the_date_of_birth_is_no_hit(before, tmp_path):
    home = copied(before, tmp_path / "home")
    (home.settings.home / "numbers.log").write_text("CMP20230111-800716\n", encoding="utf-8")
    found = planned(home)
    assert "numbers.log" not in hits(home, found)
    assert found.shared["birth_date"] == 1


@pytest.mark.parametrize("is_wrong", [False, True])
def test_without_the_key_of_its_tombstones_a_home_loads_nothing(erased, tmp_path, is_wrong):
    new = copied(erased[0], tmp_path / "home")
    key = new.settings.erasure_key_file
    assert key.stat().st_mode & 0o777 == 0o600
    if is_wrong:
        key.write_text("0" * 64)
    else:
        key.unlink()
    new.deliver("branch__transactions.csv", "transaction_key,customer_key,contract_key,transacted_at,amount\n")
    with pytest.raises(UsageError, match="erasure key") as caught:
        new.load("branch__transactions")
    assert "put the key back" in caught.value.remedy
    assert raw_rows(new) == raw_rows(erased[0])


STEPS = [
    *("put_batch", "_erase"),
    *(
        pytest.param(step, marks=pytest.mark.long)
        for step in ("_note", "_rewrite_archive", "_export", "rewrite_database", "remove_versions")
    ),
]


class Killed(BaseException):
    """Ends an erasure as a kill does: nothing that follows is done."""


@pytest.mark.parametrize("step", STEPS)
def test_an_erasure_that_was_killed_is_finished_by_the_next_command(erased, new, monkeypatch, step):
    found = planned(new)
    erasure.begin(new.settings, found, AUTHOR, ERASED_DATE)
    module = erased_rows if step == "put_batch" else erasure
    act: Callable[..., Any] = getattr(module, step)
    batches = 0

    def kill(*given: Any) -> None:
        # Of the batches, some are rewritten already.
        nonlocal batches
        batches += 1
        if step != "put_batch" or batches > 3:
            raise Killed
        act(*given)

    with monkeypatch.context() as patch:
        patch.setattr(module, step, kill)
        with pytest.raises(Killed):
            erasure.finish(new.settings, new.sources_file(), quiet)
    # The next command begins with an empty scratch folder.
    shutil.rmtree(new.settings.scratch)
    new.settings.scratch.mkdir()
    finish_interrupted(new.settings)
    assert hits(new, found) == set()
    assert figures(new) == figures(erased[0])
    assert state_rows(new).keys() == state_rows(erased[0]).keys()
    assert {table: len(rows) for table, rows in state_rows(new).items()} == {
        table: len(rows) for table, rows in state_rows(erased[0]).items()
    }
    assert not journal.rows_file(new.settings).exists()


# Step that does nothing -> where the proof then sees the person.
LEAKS = {
    ("archive", ""): (erased_rows, "lost_columns", lambda *given: ([], [])),
    ("warehouse.duckdb", "raw."): (erased_rows, "erase_raw", quiet),
    ("warehouse.duckdb", "quarantine."): (erased_rows, "erase_quarantine", quiet),
    ("warehouse.duckdb", "state.decisions."): (erased_state, "erase_decisions", quiet),
    ("warehouse.duckdb", "state.identity_"): (erased_state, "erase_identity", quiet),
    ("state", ""): (erasure, "_export", quiet),
    ("published", ""): (erasure, "remove_versions", quiet),
}


def test_the_proof_sees_what_each_step_leaves_where_it_leaves_it(new, monkeypatch):
    for module, name, nothing in LEAKS.values():
        monkeypatch.setattr(module, name, nothing)
    found = places(new, erase(new))
    assert [
        where
        for where in LEAKS
        if not any(folder == where[0] and place.startswith(where[1]) for folder, place in found)
    ] == []


def test_the_proof_sees_what_is_left_in_free_blocks(new, monkeypatch):
    monkeypatch.setattr(erasure, "rewrite_database", quiet)
    assert places(new, erase(new)) == {("warehouse.duckdb", "bytes")}


def test_a_separated_person_lies_in_one_locked_file_until_its_day(new):
    found = planned(new)
    erasure.begin(new.settings, found, AUTHOR, ERASED_DATE, date(2029, 12, 31))
    erasure.finish(new.settings, new.sources_file(), quiet)
    (file,) = new.settings.separated.iterdir()
    assert file.name == "erasure-1-until-2029-12-31.duckdb"
    assert file.stat().st_mode & 0o777 == 0o400
    with connected(new.settings, file, read_only=True) as separated:
        names = separated.execute("select distinct customer_name from raw.branch__customers order by all").fetchall()
    assert names == [("하 늘별",), ("하늘별",)]
    # The person is in that file, and nowhere else.
    assert hits(new, found) == {"separated"}
    assert destroy_ended(new.settings, date(2029, 12, 30)) == []
    assert destroy_ended(new.settings, date(2029, 12, 31)) == [file]
    assert hits(new, found) == set()
