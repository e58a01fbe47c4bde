"""A load on several machines, by Dask."""
