"""Understanding what a client writes, by rules and libraries alone: no I/O, no clock, no model."""

from booka_dialog.understanding.clock import hour_alone
from booka_dialog.understanding.guests import Guest
from booka_dialog.understanding.intents import Intent
from booka_dialog.understanding.language import Language
from booka_dialog.understanding.loose import warm
from booka_dialog.understanding.mentions import Mention, Names
from booka_dialog.understanding.names import Named, Vocabulary
from booka_dialog.understanding.reading import Reading, corrected_name, guest_name, read
from booka_dialog.understanding.when import When

__all__ = [
    "Guest",
    "Intent",
    "Language",
    "Mention",
    "Named",
    "Names",
    "Reading",
    "Vocabulary",
    "When",
    "corrected_name",
    "guest_name",
    "hour_alone",
    "read",
    "warm",
]
