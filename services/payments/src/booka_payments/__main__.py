"""`python -m booka_payments serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_payments.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings)
