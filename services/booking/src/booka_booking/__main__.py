"""`python -m booka_booking serve | migrate | topology | asyncapi`."""

from booka_booking.settings import SERVICE, Settings
from booka_common.cli import main

if __name__ == "__main__":
    main(SERVICE, Settings)
