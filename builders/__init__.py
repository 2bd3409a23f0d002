"""Raw data out: the gates, parquet with provenance, the manifest, and the list of rejects."""
