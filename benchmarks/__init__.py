"""What Booka costs, measured next to what the same work costs without it. `make bench`, or `make bench ONLY=turn`.

A module of this package that has an `async def measure() -> list[Result]` is a benchmark of its own name.
"""
