"""The named statements, read once."""

from booka_common.db import load_queries

__all__ = ["queries"]

queries = load_queries("booka_booking")
