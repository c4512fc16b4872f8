"""The model as a second reader: asked where the rules found nothing, believed only within the catalogue, never waited for."""

from dataclasses import replace

from booka_common.contracts.llm import Candidate, InterpretationReady, InterpretationRequested
from booka_dialog.domain.inputs import Context
from booka_dialog.domain.questions import Moved
from booka_dialog.domain.salon import Salon
from booka_dialog.domain.session import Interpreting, Session
from booka_dialog.understanding import Intent, Mention, Reading, When

__all__ = ["ask_model", "reading_of"]

_LONGEST = 2048
_ASKED = frozenset({"service", "staff", "when", "slot", "name", "confirm"})
_MEANS = {
    "cancel": Intent.CANCEL,
    "confirm": Intent.YES,
    "decline": Intent.NO,
    "greeting": Intent.GREETING,
}


def ask_model(session: Session, text: str, salon: Salon, ctx: Context) -> Moved:
    """Have the model read `text`, together with what it has not yet answered about."""
    earlier = session.interpreting
    if earlier is not None and not earlier.overtaken:
        text = f"{earlier.text}\n{text}"
    text = text[-_LONGEST:]
    request = InterpretationRequested(
        request_id=ctx.request_id,
        conversation_id=session.conversation_id,
        text=text,
        question=session.state if session.state in _ASKED else "none",
        locale=session.language or salon.language,
        zone=salon.catalogue.zone,
        asked_at=ctx.now,
        services=tuple(Candidate(id=service.service_id, name=service.name) for service in salon.services),
        staff=tuple(Candidate(id=person.staff_id, name=person.name) for person in salon.catalogue.staff),
    )
    return replace(session, interpreting=Interpreting(request_id=ctx.request_id, text=text)), (request,)


def reading_of(answer: InterpretationReady, session: Session, salon: Salon, ctx: Context) -> Reading:
    """The model's answer as a reading, without what the catalogue does not have and without days that are over."""
    today = salon.today(ctx.now)
    day = answer.day if answer.day and answer.day >= today and (answer.day - today).days <= 366 else None
    start, end = answer.time_from, answer.time_until
    if start and end and start >= end:
        end = None
    start = start.replace(tzinfo=None, microsecond=0) if start else None
    end = end.replace(tzinfo=None, microsecond=0) if end else None
    intents = {_MEANS[answer.intent]} if answer.intent in _MEANS else set()
    if answer.any_staff and answer.staff_id is None:
        intents.add(Intent.ANYONE)
    return Reading(
        intents=frozenset(intents),
        mentions=(Mention(services=(answer.service_id,)),)
        if answer.service_id and salon.service(answer.service_id)
        else (),
        people=((answer.staff_id,),) if answer.staff_id and salon.person(answer.staff_id) else (),
        when=When(day=day, start=start, end=end) if day or start or end else None,
    )
