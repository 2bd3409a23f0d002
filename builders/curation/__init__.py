"""Curation: labels repaired and near-duplicates found, by what a little gold and the data itself say."""
