"""The settings of the tests: the program's own, in a directory of their own, with deterministic engines.

`DATABASE_URL` chooses the database: unset is SQLite; scripts/test sets it to MariaDB for its second run.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

TEST_DIR = Path(tempfile.mkdtemp(prefix="agi-site-test-"))
(TEST_DIR / "static").mkdir()  # WhiteNoise warns where it is missing
atexit.register(shutil.rmtree, TEST_DIR, ignore_errors=True)

os.environ |= {
    "DATA_DIR": str(TEST_DIR),
    "SECRET_KEY": "a key for tests only, long enough to be accepted everywhere",
    "REDIS_URL": "",
    "CHAT_ENGINE": "fake",
    "EMBEDDING_ENGINE": "fake",
    "LANGUAGE_ENGINE": "fake",
    # What a developer's .env says about models is not part of the tests.
    **dict.fromkeys(
        ("CHAT_BASE_URL", "CHAT_API_KEY", "CHAT_MODEL", "EMBEDDING_BASE_URL", "RERANK_BASE_URL"), ""
    ),
}
# Training takes long and gives the same each time: all tests and the programs they start share what it gave.
os.environ.setdefault("MODELS_DIR", str(Path(__file__).resolve().parent.parent / "var" / "test-models"))
os.environ.setdefault("DATABASE_URL", f"sqlite:///{TEST_DIR}/agi.sqlite3")

from agi_site.settings import *  # noqa: E402, F403
from agi_site.settings import DATABASES, LOGGING  # noqa: E402

# A test's rows are in a transaction of its own, which the thread that writes the log table would wait for.
LOGGING["root"] |= {"handlers": ["console"]}  # type: ignore[operator]

# Argon2 is slow on purpose; a test signs in hundreds of times.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# On SQLite a file, not memory: threads then wait for each other's locks as in the real program. On a server
# the process's id keeps two runs at once apart; tests/parts.py drops what a killed run left behind.
DATABASES["default"]["TEST"] = (
    {"NAME": str(TEST_DIR / "test.sqlite3")}
    if "sqlite3" in DATABASES["default"]["ENGINE"]
    else {"NAME": f"test_agi_{os.getpid()}", "CHARSET": "utf8mb4"}
)
