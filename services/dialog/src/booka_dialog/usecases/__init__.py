"""What dialog does: each use case takes a conversation's lock, feeds the domain, and stores what comes of it."""

from booka_dialog.usecases.knowing import forget, keep_catalogue, keep_llm_setting
from booka_dialog.usecases.merging import merge
from booka_dialog.usecases.over_http import Stepped, get_session, input_over_http, start_session
from booka_dialog.usecases.taking import (
    Deps,
    take_answer,
    take_gap,
    take_overdue,
    take_quote_timeout,
    take_timeout,
    take_turn,
)
from booka_dialog.usecases.talking import ANSWER_OVERDUE, GAP, INTERPRETATION_TIMEOUT, QUOTE_TIMEOUT, Limits

__all__ = [
    "ANSWER_OVERDUE",
    "GAP",
    "INTERPRETATION_TIMEOUT",
    "QUOTE_TIMEOUT",
    "Deps",
    "Limits",
    "Stepped",
    "forget",
    "get_session",
    "input_over_http",
    "keep_catalogue",
    "keep_llm_setting",
    "merge",
    "start_session",
    "take_answer",
    "take_gap",
    "take_overdue",
    "take_quote_timeout",
    "take_timeout",
    "take_turn",
]
