"""The fixtures of these tests, from the files `fixtures_*.py` beside this one."""

from importlib import import_module
from pathlib import Path

for _path in sorted(Path(__file__).parent.glob("fixtures_*.py")):
    _module = import_module(f"tests.sandbox.{_path.stem}")
    globals().update({name: value for name, value in vars(_module).items() if not name.startswith("__")})
