"""The conversation as a pure function: no I/O, no clock, no randomness."""

from booka_dialog.domain.inputs import (
    Answer,
    AnswerOverdue,
    ClientSaid,
    Context,
    Effect,
    Input,
    InterpretationTimedOut,
    QuoteTimedOut,
    Request,
    Say,
    SessionEnded,
    SlotsUpdated,
)
from booka_dialog.domain.joining import joined
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Session, dump_session, load_session
from booka_dialog.domain.step import converse, step

__all__ = [
    "Answer",
    "AnswerOverdue",
    "ClientSaid",
    "Context",
    "Effect",
    "Input",
    "InterpretationTimedOut",
    "QuoteTimedOut",
    "Request",
    "Salon",
    "Say",
    "Session",
    "SessionEnded",
    "SlotsUpdated",
    "converse",
    "dump_session",
    "joined",
    "load_session",
    "step",
]
