"""The code location: the name under which Dagster's pages show the project's definitions and runs."""

import sys

from dagster._core.definitions.repository_definition.valid_definitions import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

LOCATION_NAME = "crm_warehouse"
"""The name of `workspace.yaml`, which a test compares."""


def job_origin(job_name: str) -> RemoteJobOrigin:
    """What a run of `job_name` carries to stand on the pages of the code location: job, timeline and schedules.

    Dagster gives it to the runs that its own pages start. It says which interpreter loads which module.
    """
    module = LoadableTargetOrigin(executable_path=sys.executable, module_name="pipelines.definitions")
    location = ManagedGrpcPythonEnvCodeLocationOrigin(module, LOCATION_NAME)
    return RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME).get_job_origin(job_name)
