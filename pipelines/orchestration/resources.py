"""What assets are handed: the home's settings and sources, under the home's lock for as long as the run lasts."""

from contextlib import ExitStack

from dagster import ConfigurableResource, InitResourceContext
from pydantic import PrivateAttr

from pipelines.home.lock import writing
from pipelines.settings import Settings
from pipelines.sources.configuration import SourcesFile
from pipelines.sources.sources_file import load_sources_file

_WAIT_SECONDS = 3600.0


class Home(ConfigurableResource):
    """The home of this process, locked for writing while a run uses it.

    A run that another process keeps out waits for an hour, because the schedule and the sensor share one lock.
    """

    _stack: ExitStack = PrivateAttr(default_factory=ExitStack)

    def setup_for_execution(self, context: InitResourceContext) -> None:
        run = context.run.job_name if context.run else "a run"
        self._stack.enter_context(writing(self.settings, f"Dagster job {run}", _WAIT_SECONDS))

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        self._stack.close()

    @property
    def settings(self) -> Settings:
        return Settings.from_environment()

    @property
    def sources_file(self) -> SourcesFile:
        return load_sources_file(self.settings.sources_file)
