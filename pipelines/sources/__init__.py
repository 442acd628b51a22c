"""Where a source comes in: the sources file, finding deliveries, and reading each format as it is."""
