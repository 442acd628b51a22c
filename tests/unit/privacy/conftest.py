"""The home of one person for all tests of privacy."""

from person_home import person_home  # noqa: F401 (a fixture)
