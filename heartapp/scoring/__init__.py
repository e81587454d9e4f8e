"""Scoring of files: CSV and Parquet in and out, in bounded memory, on this machine or on a Dask cluster.

The extras `bulk` and `dask` bring what this needs; the web process imports nothing of it.
"""
