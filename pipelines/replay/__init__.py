"""The warehouse made again from the archive: as of today, or as it was known on an earlier day."""
