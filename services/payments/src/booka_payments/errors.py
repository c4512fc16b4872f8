"""The refusals of payments, and what a provider may do to us."""

from booka_common.errors import BookaError, Conflict, NotFound, Unavailable

__all__ = ["NothingToRefund", "ProviderRefused", "ProviderUnavailable", "RequestReused", "TransactionNotFound"]


class TransactionNotFound(NotFound):
    """No such transaction, or another salon's."""

    default_code = "transaction_not_found"


class NothingToRefund(Conflict):
    """Nothing was paid, or less is left than asked for."""

    default_code = "nothing_to_refund"


class RequestReused(Conflict):
    """The request id was used before, for something else."""

    default_code = "request_reused"


class ProviderUnavailable(Unavailable):
    """The provider did not answer, or asks to come back later. What was asked may or may not have happened."""

    default_code = "provider_unavailable"


class ProviderRefused(BookaError):
    """The provider understood and said no: the same call will be refused again.

    `param` names the field it objects to, if it says so.
    """

    default_code = "provider_refused"

    def __init__(self, detail: str, *, code: str, param: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.param = param
