"""Figures of use for the charts: the live ones, and before them those that were stored."""

from datetime import timedelta

from django.utils import timezone

from agi_site.lib import events
from sandbox.channels import sandbox_channel
from sandbox.models import Sandbox
from sandbox.usage_samples import samples_of
from system.models import Monitoring
from system.services import record_metrics


def test_what_was_stored_stands_before_what_is_live(mine: Sandbox, django_assert_num_queries) -> None:
    record_metrics(
        component=f"sandbox:{mine.pk}", values={"cpu_percent": 12.5, "memory": 100, "rx_bytes": 1000}
    )
    Monitoring.objects.update(timestamp=timezone.now() - timedelta(minutes=5))
    events.publish(
        sandbox_channel(str(mine.pk)), "usage", {"cpu_percent": 50, "memory": 200, "rx_bytes": 4000}
    )
    with django_assert_num_queries(1):
        old, new = samples_of(mine)
    assert (old["cpu"], old["memory"], old["rx"]) == (12.5, 100.0, None)
    assert (new["cpu"], new["memory"]) == (50, 200)
    assert 9 < new["rx"] < 11  # 3000 bytes in five minutes


def test_what_is_too_old_is_left_out(mine: Sandbox) -> None:
    record_metrics(component=f"sandbox:{mine.pk}", values={"memory": 100})
    Monitoring.objects.update(timestamp=timezone.now() - timedelta(hours=4))
    assert samples_of(mine) == []
