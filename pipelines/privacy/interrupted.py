"""What every command of a home does first: it finishes an erasure that was interrupted."""

from pipelines.settings import Settings

JOURNAL = "erasing.json"
"""The journal's name in the folder `state/` (see `journal.py`)."""


def finish_interrupted(settings: Settings) -> None:
    """Finish the erasure that a killed process began; without one it costs a look at a file. Needs the home's lock."""
    if not (settings.state / JOURNAL).exists():
        return
    from pipelines.privacy.erasure import finish  # noqa: PLC0415
    from pipelines.sources.sources_file import load_sources_file  # noqa: PLC0415

    finish(settings, load_sources_file(settings.sources_file), lambda name, text: None)
