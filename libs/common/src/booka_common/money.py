"""Money as integer minor units and an ISO 4217 currency; never a float."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Currency", "Money"]

#: Where a card cannot be charged with every minor unit: amounts of these are multiples of so many of them.
_PAYABLE_UNITS = {**dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), 10), "MGA": 100}

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217 code")]


class Money(BaseModel):
    """An amount of one currency in its minor unit (cents, centavos, kobo)."""

    model_config = ConfigDict(frozen=True)

    minor: int = Field(ge=0, description="amount in the currency's minor unit")
    currency: Currency

    def percent(self, share: int) -> "Money":
        """`share` percent of this amount, rounded half up to a whole minor unit."""
        return Money(minor=(self.minor * share * 2 + 100) // 200, currency=self.currency)

    def payable(self) -> "Money":
        """As much of it as a card can be charged with: all, or a little less in a few currencies."""
        return Money(minor=self.minor - self.minor % _PAYABLE_UNITS.get(self.currency, 1), currency=self.currency)
