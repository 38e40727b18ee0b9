"""Run every bench, or those named on the command line, and print one table."""

import importlib
import os
import sys
import time
import traceback

from bench import site
from bench.parts import Skipped
from bench.report import Figure, table

# Idle memory comes first: it is that of a site which has only just begun to work.
BENCHES = [
    "idle_memory",
    "first_token",
    "long_conversation",
    "streaming",
    "rest",
    "plans",
    "tools",
    "knowledge",
    "knowledge_import",
    "memory",
    "transfer",
    "sandbox",
]
# Benches whose file has another name: `memory` is what is remembered.
FILES = {"memory": "memories"}


def main() -> int:
    """Run the benches one after the other; one that fails says so and the others go on."""
    figures: list[Figure] = []
    failed: list[str] = []
    began = time.monotonic()
    try:
        for name in sys.argv[1:] or BENCHES:
            print(f"· {name}", flush=True)
            try:
                figures += importlib.import_module(f"bench.{FILES.get(name, name)}").measure()
            except Skipped as reason:
                print(f"  skipped: {name}: {reason}", flush=True)
            except Exception:
                traceback.print_exc()
                failed.append(name)
    finally:
        site.close()
    print(table(figures))
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{time.monotonic() - began:.0f} s on {os.cpu_count()} processors; load at the end: {busy}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
