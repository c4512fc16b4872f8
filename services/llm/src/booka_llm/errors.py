"""The refusals of llm. What goes wrong with a model is no error but an answer: `InterpretationUnavailable`."""

from booka_common.errors import Invalid

__all__ = ["BadPeriod"]


class BadPeriod(Invalid):
    """The period ends before it starts, or is too long to add up."""

    default_code = "bad_period"
