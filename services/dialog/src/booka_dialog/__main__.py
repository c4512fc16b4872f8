"""`python -m booka_dialog serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_dialog.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings)
