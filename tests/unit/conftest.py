"""What tests of several rooms share: the home of one person."""

from person_home import person_home  # noqa: F401 (a fixture)
