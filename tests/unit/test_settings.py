"""Settings come from the environment; one that is none is a wrong argument that names its variable."""

import pytest

from pipelines.errors import ExitCode, UsageError
from pipelines.settings import Settings

NAMES = ("CRMDW_THREADS", "CRMDW_VERSIONS_KEPT", "CRMDW_MEMORY_LIMIT")


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def limits() -> tuple[int, int, str]:
    settings = Settings.from_environment()
    return (settings.threads, settings.versions_kept, settings.memory_limit)


def test_what_is_not_set_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert limits() == (2, 3, "1GB")
    for name in NAMES:
        monkeypatch.setenv(name, "")
    assert limits() == (2, 3, "1GB")


@pytest.mark.parametrize("memory", ["512MB", "1.5 GiB", "2gb"])
def test_what_is_set_counts(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(NAMES, ("4", "1", memory), strict=True):
        monkeypatch.setenv(name, value)
    assert limits() == (4, 1, memory)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CRMDW_THREADS", "two"),
        ("CRMDW_THREADS", "0"),
        ("CRMDW_THREADS", "1.5"),
        ("CRMDW_VERSIONS_KEPT", "-1"),
        ("CRMDW_MEMORY_LIMIT", "much"),
        ("CRMDW_MEMORY_LIMIT", "1"),
    ],
)
def test_a_setting_that_is_none_is_a_wrong_argument(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=f"{name} is '{value}'") as error:
        Settings.from_environment()
    assert error.value.exit_code == ExitCode.USAGE
    assert f"set {name}=" in error.value.remedy
