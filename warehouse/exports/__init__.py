"""The history as files for other tools: Parquet, CSV, JSON lines and Excel."""
