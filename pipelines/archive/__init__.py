"""Every batch as it landed, in Parquet, with a manifest beside it: enough to load it again without its source."""
