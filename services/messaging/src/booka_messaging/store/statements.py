"""The statements of `queries.sql`, read once."""

from booka_common.db import load_queries

__all__ = ["QUERIES"]

QUERIES = load_queries("booka_messaging")
