"""`python -m booka_sandbox`: run the sandbox."""

import uvicorn

from booka_sandbox.app import create_app
from booka_sandbox.settings import Settings


def main() -> None:
    """Serve until stopped; open streams of browser phones are cut after a second."""
    settings = Settings()
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=61,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
