"""`python -m booka_stack up | down | demo`: a whole Booka on this machine, under `.run/`."""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from booka_stack import demo
from booka_stack.layout import Layout
from booka_stack.salon import DEMO_TENANT, SalonPlan, provision
from booka_stack.stack import Stack


def main() -> int:
    """Run one command; the exit code is 0 if it did what it says."""
    parser = argparse.ArgumentParser(prog="booka_stack", description="A whole Booka on this machine.")
    parser.add_argument("command", choices=("up", "down", "demo"))
    parser.add_argument(
        "--once", action="store_true", help="demo: stop after the conversation; fail if nothing was booked"
    )
    parser.add_argument("--folder", type=Path, default=Path(".run"), help="where data and logs go")
    arguments = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 120)
    stack = Stack(Layout.local(arguments.folder.resolve()))
    if arguments.command == "down":
        stack.down()
        console.print("Booka is down.")
        return 0
    if not start(stack, console):
        return 1
    if arguments.command == "up":
        salon = asyncio.run(provision(stack.layout, DEMO_TENANT, SalonPlan.demo()))
        console.print(demo.addresses(stack.layout, salon.instance))
        return 0
    return _demo(stack, console, once=arguments.once)


def start(stack: Stack, console: Console) -> bool:
    """Start what is not up yet; False if that failed: it is told why, and nothing is left running."""
    if stack.is_up():
        console.print("Booka is up already.")
        return True
    try:
        with console.status("starting PostgreSQL, RabbitMQ, the sandbox and six services …"):
            stack.up()
    except (RuntimeError, subprocess.SubprocessError) as error:
        stack.down()
        console.print(f"[bold red]Booka did not start.[/]\n{escape(str(error))}", highlight=False, soft_wrap=True)
        return False
    except BaseException:
        stack.down()
        raise
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in stack.timings.items())
    console.print(f"[dim]up: {steps}[/]")
    return True


def _demo(stack: Stack, console: Console, *, once: bool) -> int:
    try:
        booked = asyncio.run(demo.play(stack, console))
        console.print(
            "[bold green]The visit is booked and paid.[/]" if booked else "[bold red]The visit was not confirmed.[/]"
        )
        if not once and booked:
            salon = asyncio.run(provision(stack.layout, DEMO_TENANT, SalonPlan.demo()))
            console.print(demo.addresses(stack.layout, salon.instance))
            console.print("Press Ctrl-C to stop.")
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            signal.pause()
    except KeyboardInterrupt:
        booked = True
    finally:
        console.print("stopping …")
        stack.down()
    return 0 if booked else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    raise SystemExit(main())
