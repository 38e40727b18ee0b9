"""A process of the web has done before its first request what need not wait for it."""

import subprocess
import sys

from tests.infra.processes import ROOT, environment

PROGRAM = """
import sys
import agi_site.wsgi
from agi_site import ahead
from agi_site.lib import prepared

ahead.write_queries()
prepared.Prepared._write = lambda *_args: sys.exit("a query is written only now")
print("sandbox.api.sandboxes" in sys.modules, len(prepared._everywhere))
if "later" not in sys.argv:
    prepared.write_all()
"""


def run(home, *arguments, **more):
    command = [sys.executable, "-c", PROGRAM, *arguments]
    given = environment(home, DJANGO_SETTINGS_MODULE="agi_site.settings", SECRET_KEY="k" * 50, **more)
    return subprocess.run(
        command, cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def test_views_are_loaded_and_hot_queries_are_written(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    loaded, queries = done.stdout.split()
    assert loaded == "True"
    assert int(queries) > 5


def test_a_database_that_is_not_there_yet_hinders_nothing(tmp_path):
    done = run(tmp_path, "later", DATABASE_URL="mysql://root@127.0.0.1:9/agi")
    assert (done.returncode, done.stdout.split()[0]) == (0, "True")
