"""`python -m booka_scheduler serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_scheduler.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings)
