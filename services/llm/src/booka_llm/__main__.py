"""`python -m booka_llm serve | migrate | topology | asyncapi`."""

from booka_common.cli import main
from booka_llm.app import create_app
from booka_llm.consumers import describe
from booka_llm.settings import SERVICE, Settings

if __name__ == "__main__":
    main(SERVICE, Settings, create_app, describe)
