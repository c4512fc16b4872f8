"""`python -m booka_llm serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_llm.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings)
