"""The helper's program: what a host must do for its sandboxes that Docker cannot.

It stands by itself: the volume of the runner brings it into the helper's container, where there is nothing
else of this site (`files`).
"""

from pathlib import Path

HERE = Path(__file__).parent
LAUNCH = b"""import sys
sys.path.insert(0, __file__.rpartition("/")[0])
from helper_program.main import main
main()
"""


def files() -> dict[str, bytes]:
    """Path below /.agi -> content; the entry point is `python3 -I -S /.agi/helper.py`."""
    sources = {f"helper_program/{path.name}": path.read_bytes() for path in sorted(HERE.glob("*.py"))}
    return {"helper.py": LAUNCH, **sources}
