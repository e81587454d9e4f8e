"""Scoring of files: CSV and Parquet, one file or a folder of them, on this machine or on a Dask cluster.

This needs the extra ``bulk`` (and ``dask`` for a cluster). The web process imports none of it.
"""
