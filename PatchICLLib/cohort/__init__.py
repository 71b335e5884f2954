"""Propagation over many scans: by processes of this machine or a Dask cluster, resumable, with a report."""
