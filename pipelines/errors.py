"""What can go wrong in a way a person can mend, each with its exit code and its remedy.

Errors of the program itself are left as they are: they are bugs, and `crmdw` shows them as such.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of `crmdw`, the same for every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    INCOMPLETE = 3
    GATE_BROKEN = 4
    BUILD_FAILED = 5
    AUDIT_FAILED = 6
    LOCKED = 7
    PUBLISH_FAILED = 8


EXIT_CODE_MEANINGS = {
    ExitCode.DONE: "done, or nothing was new and nothing overdue",
    ExitCode.FAILED: "an unexpected error",
    ExitCode.USAGE: "a wrong argument, or a wrong sources file; nothing was read",
    ExitCode.INCOMPLETE: "a required delivery is refused or overdue; the others are loaded, nothing is published",
    ExitCode.GATE_BROKEN: "a gate could not judge (an engine error); nothing is published",
    ExitCode.BUILD_FAILED: "dbt could not build or test the models; nothing is published",
    ExitCode.AUDIT_FAILED: "the audit refused the candidate; the published file stays what it was",
    ExitCode.LOCKED: "somebody else has the home or its warehouse open; the published file stays what it was",
    ExitCode.PUBLISH_FAILED: "the new file could not be written; the published file stays what it was",
}


class WarehouseError(Exception):
    """An error with a cause, a remedy and an exit code; `str()` gives all of it in lines for a person."""

    exit_code = ExitCode.FAILED

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(f"{cause}\nRemedy: {remedy}")
        self.cause = cause
        self.remedy = remedy


class SourcesFileError(WarehouseError):
    """The sources file is wrong; raised before anything is read."""

    exit_code = ExitCode.USAGE


class UsageError(WarehouseError):
    """A command was called in a way that cannot work."""

    exit_code = ExitCode.USAGE


class IncompleteError(WarehouseError):
    """A required delivery is refused or overdue."""

    exit_code = ExitCode.INCOMPLETE


class DatabaseError(WarehouseError):
    """A source's database refused what was asked of it; its deliveries count as not delivered."""

    exit_code = ExitCode.INCOMPLETE


class DatabaseUnreachableError(DatabaseError):
    """There is no connection to a source's database."""


class GateBrokenError(WarehouseError):
    """The gate's engine failed, which is neither a pass nor a failure: the gate stays closed."""

    exit_code = ExitCode.GATE_BROKEN


class BuildError(WarehouseError):
    """dbt failed to build or test the models."""

    exit_code = ExitCode.BUILD_FAILED


class AuditError(WarehouseError):
    """The candidate does not hold what a published file must hold."""

    exit_code = ExitCode.AUDIT_FAILED


class LockedError(WarehouseError):
    """Another process holds the home's lock or the warehouse file."""

    exit_code = ExitCode.LOCKED


class PublishError(WarehouseError):
    """The new published file could not be written."""

    exit_code = ExitCode.PUBLISH_FAILED
