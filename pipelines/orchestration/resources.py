"""What assets are handed: the home's settings and sources, under the home's lock for as long as the run lasts."""

import os
from contextlib import ExitStack
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext
from pydantic import Field, PrivateAttr

from pipelines.home.lock import writing
from pipelines.publishing.dbt_project import dbt_environment
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.sources_file import load_sources_file

_WAIT_SECONDS = 3600.0


class Home(ConfigurableResource):
    """One home folder and its limits, locked for writing while a run uses it.

    A run that another process keeps out waits for an hour, because the schedule and the sensor share one lock.
    """

    folder: str = Field(description="The home folder.")
    sources: str = Field(description="The sources file.")
    memory_limit: str = Field(description="DuckDB's for one connection, such as 1GB.")
    threads: int = Field(description="DuckDB's threads for one connection.")
    versions_kept: int = Field(description="How many published files stay.")
    _stack: ExitStack = PrivateAttr(default_factory=ExitStack)

    @classmethod
    def of(cls, settings: Settings) -> "Home":
        """The resource of the home with these settings."""
        return cls(
            folder=str(settings.home),
            sources=str(settings.sources_file),
            memory_limit=settings.memory_limit,
            threads=settings.threads,
            versions_kept=settings.versions_kept,
        )

    def setup_for_execution(self, context: InitResourceContext) -> None:
        # dbt and Great Expectations read the environment.
        os.environ.update(dbt_environment(self.settings, self.sources_file.company))
        run = context.run.job_name if context.run else "a run"
        self._stack.enter_context(writing(self.settings, f"Dagster job {run}", _WAIT_SECONDS))

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self._stack.close()

    @property
    def settings(self) -> Settings:
        return Settings(
            home=Path(self.folder),
            sources_file=Path(self.sources),
            memory_limit=self.memory_limit,
            threads=self.threads,
            versions_kept=self.versions_kept,
        )

    @property
    def sources_file(self) -> SourcesFile:
        return load_sources_file(self.settings.sources_file)
