"""Run every bench, or those named on the command line, and print one table."""

import importlib
import sys

from bench.report import Figure, table

BENCHES = ["first_token", "long_conversation", "streaming", "rest", "memory"]


def main() -> None:
    """Run the benches one after the other; a bench that fails says so and the others go on."""
    figures: list[Figure] = []
    for name in sys.argv[1:] or BENCHES:
        print(f"· {name}", flush=True)
        figures += importlib.import_module(f"bench.{name}").measure()
    print(table(figures))


if __name__ == "__main__":
    main()
