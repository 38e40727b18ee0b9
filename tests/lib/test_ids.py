import re
import time
from concurrent.futures import ThreadPoolExecutor

from agi_site.lib.ids import uuid7


def test_an_id_is_a_version_7_uuid_as_text() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uuid7())


def test_an_id_begins_with_the_time_in_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    milliseconds = int(uuid7().replace("-", "")[:12], 16)
    assert before - 1 <= milliseconds <= before + 1000


def test_ids_grow_however_fast_they_are_made() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_threads_never_share_an_id() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda _i: uuid7(), range(20_000)))
    assert len(set(ids)) == len(ids)
