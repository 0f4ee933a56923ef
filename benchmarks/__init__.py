"""Speed and memory of the product, measured beside DuckDB and Polars doing the same work."""
