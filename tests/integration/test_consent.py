"""Consent decisions agree with cases written by hand, through the real models, and the command says the same."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import date

import consent_cases
import consent_company
import duckdb
import pytest
from consent_cases import Case, read_cases
from consent_company import Company, draw_company

from pipelines.consent.permissions import permissions_at
from pipelines.publishing.dbt_project import DBT_EXECUTABLE
from pipelines.simulator import permissions
from pipelines.simulator import vocabulary as v

from .homes import PROJECT_ROOT, CommandHome

CASES, CHECKS = read_cases()
# What is missing, in the truth's words, and in the mart's.
MISSING = {"no_consent": "no_consent", "withdrawn": "no_consent", "on_refusal_list": "refusal_list"}
MODELS = (
    "int_customer__identity", "int_customer__golden_attribute", "int_customer__version", "int_customer__phone",
    "dim_customer", "dim_customer_current", "fct_consent_event", "fct_refusal_check", "fct_contact", "fct_call",
    "dim_consent", "int_consent__rule_interval", "int_customer__refusal_interval", "int_consent__known_state",
    "dim_permission", "mart_consent_breach", "mart_contactability",
)  # fmt: skip
TESTS = (
    "core_permissions_do_not_overlap", "mart_contactability_has_evidence", "mart_consent_breach_judges_every_contact",
)  # fmt: skip


@pytest.fixture(scope="module")
def company() -> Company:
    """A simulated company that overlooks more than the demo's, so that there is something to find of every kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(permissions, "OVERLOOKED", 0.05)
        return draw_company(3000, 71)


@pytest.fixture(scope="module")
def judged(built: CommandHome, company: Company, tmp_path_factory: pytest.TempPathFactory) -> CommandHome:
    """A copy of the built home with the customers of the cases and of the company, its models built once."""
    home = built.copied_to(tmp_path_factory.mktemp("judged") / "home")
    home.published.replace(home.candidate)
    home.candidate.chmod(0o600)
    with duckdb.connect(str(home.warehouse)) as warehouse:
        consent_cases.put_into(warehouse, CASES, CHECKS)
        consent_company.put_into(warehouse, company)
    done = subprocess.run(
        [str(DBT_EXECUTABLE), "build", "--select", *MODELS, *TESTS, "--exclude-resource-type", "unit_test",
         "--indirect-selection", "empty", "--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)],
        capture_output=True,
        text=True,
        check=False,
        env=home.environment(
            CRMDW_TIME_ZONE="Asia/Seoul",
            CRMDW_CURRENCY="KRW",
            DBT_TARGET_PATH=str(home.folder / "dbt"),
            DBT_LOG_PATH=str(home.folder / "dbt" / "logs"),
        ),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    results = json.loads((home.folder / "dbt" / "run_results.json").read_text(encoding="utf-8"))["results"]
    # The hook that says which rule refused rows is a result too.
    built = [result for result in results if not result["unique_id"].startswith("operation.")]
    assert len(built) == len(MODELS) + len(TESTS)
    home.candidate.replace(home.published)
    return home


def test_there_are_cases_of_every_rule_and_every_reason() -> None:
    assert len(CASES) >= 40
    rules = {case.rule for case in CASES}
    with (PROJECT_ROOT / "seeds" / "consent_rules.csv").open(encoding="utf-8") as seed:
        assert {line.split(",")[0] for line in seed.readlines()[1:]} == rules - {"-1"}
    assert len({case.answer for case in CASES}) == 9
    assert max(Counter((case.because, case.rule) for case in CASES).values()) == 1


def test_every_contact_is_judged_as_the_cases_say(judged: CommandHome) -> None:
    rows = judged.ask_both(
        "select customer_key, reason_code, rule_code, verdict_code "
        "from marts.mart_consent_breach inner join warehouse.intermediate.int_customer__identity using (customer_id) "
        "where starts_with(customer_key, 'CASE')"
    )
    verdicts = {"allowed": "lawful", "no_rule": "unproven"}
    expected = [
        (case.key, case.answer, case.rule, verdicts.get(case.answer, "breach"))
        for case in CASES
        if case.purpose == "marketing"
    ]
    assert sorted(rows) == expected


def test_a_customer_is_answered_at_any_instant_as_the_cases_say(judged: CommandHome) -> None:
    ids = dict(judged.ask("select customer_key, customer_id from intermediate.int_customer__identity"))
    with duckdb.connect(str(judged.published), read_only=True) as published:
        wrong = [(case, found) for case in CASES if (found := _answer(published, ids, case)) != _expected(case)]
    assert wrong == []


def test_the_breaches_that_are_found_are_those_that_the_simulated_company_committed(
    judged: CommandHome, company: Company
) -> None:
    truth = {
        (contact, max(attempt, 0), v.NOT_SENT_REASONS[reason])
        for contact, attempt, reason in zip(*(part.tolist() for part in vars(company.breaches).values()), strict=True)
    }
    rows = judged.ask_both(
        "select contacts.contact_key::integer, coalesce(calls.attempt, 0), breaches.reason_code "
        "from marts.mart_consent_breach as breaches "
        "inner join warehouse.staging.stg_campaign__contacts as contacts using (contact_id) "
        "left join core.fct_call as calls using (call_id) "
        "where contacts.source_system = ? and breaches.is_breach",
        [consent_company.SYSTEM],
    )
    assert {(contact, attempt, MISSING[reason]) for contact, attempt, reason in rows} == truth
    assert len(rows) == len(truth)
    assert {reason for _, _, reason in rows} == set(MISSING)


def test_the_command_names_every_channel_with_its_reason_and_its_law(judged: CommandHome) -> None:
    (record,) = judged.ask("select min(source_system || ':' || record_key) from identity.records")[0]
    shown = judged.succeed("consent", "show", record, "--on", "2024-01-20 22:00")
    # The company's consents were taken out, so nobody from before said anything.
    for words in ("marketing, 2024-01-20 22:00 Asia/Seoul", "Outbound call", "E-mail", "Network Act", "No consent"):
        assert words in shown, shown
    assert "yes" not in shown
    assert "2024-01-20 00:00" in judged.succeed("consent", "show", record, "--on", "2024-01-20 00:00")
    assert "third_party" in judged.succeed("consent", "show", record, "--purpose", "third_party")
    assert "so the answer is no" in judged.succeed("consent", "show", record, "--on", "2001-01-01")


def test_the_command_shows_what_was_granted(built: CommandHome) -> None:
    record, on = built.ask_published(
        "select source_system || ':' || source_key, strftime(permissions.valid_from + interval 34 hour, '%Y-%m-%d') "
        "from core.dim_permission as permissions inner join core.bridge_customer_source using (customer_id) "
        "where is_allowed and rule_code = 'marketing_dm' and permissions.valid_to is null order by 1 limit 1"
    )[0]
    (line,) = [line for line in built.succeed("consent", "show", record, "--on", on).splitlines() if "_dm" in line]
    assert "yes" in line
    assert "Personal Information Protection Act" in line


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (("nobody:1",), "no record has this name"),
        (("branch:1", "--purpose", "spying"), "no rule is for this purpose"),
        (("branch:1", "--on", "yesterday"), "neither a day nor a day and time"),
    ],
)
def test_what_the_command_cannot_answer_is_said_with_its_cause(
    built: CommandHome, arguments: tuple, cause: str
) -> None:
    done = built.crmdw("consent", "show", *arguments)
    assert done.returncode == 2
    assert cause in done.stdout + done.stderr


def _answer(
    published: duckdb.DuckDBPyConnection, ids: dict[str, str], case: Case
) -> tuple[str, str, date | str | None]:
    permissions = permissions_at(published, ids[case.key], case.purpose, case.instant)
    of_channel = [one for one in permissions if one.channel_code == case.channel]
    if not of_channel:
        return "no_rule", "-1", "not stated"
    (one,) = of_channel
    due = "not stated" if case.confirmation_due == "not stated" else one.confirmation_due_date
    return one.reason_code, one.rule_code, due


def _expected(case: Case) -> tuple[str, str, date | str | None]:
    return case.answer, case.rule, case.confirmation_due
