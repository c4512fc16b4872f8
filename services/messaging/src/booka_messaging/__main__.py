"""`python -m booka_messaging serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_messaging.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings)
