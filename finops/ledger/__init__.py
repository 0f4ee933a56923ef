"""The rules of `finops.domain` over millions of rows: SQL on DuckDB, Parquet in, Parquet out."""
