"""Settings that operators change while the system runs."""

from datetime import timedelta

import pytest

from agi_site.lib import crypto
from agi_site.lib.problems import Invalid, NotFound
from system import services, starter
from system.models import Log, Setting
from system.services import settings as settings_service

pytestmark = pytest.mark.django_db


def audit_lines():
    lines = Log.objects.recent(timedelta(minutes=1)).filter(component="settings").order_by("pk")
    return list(lines.values_list("message", flat=True))


@pytest.mark.parametrize(
    ("value", "default"), [(True, False), (7, 1), (0.5, 1.0), ("x", ""), (["a"], []), ({"a": 1}, {})]
)
def test_a_value_comes_back_with_the_type_of_its_default(value, default, operator):
    services.set_setting(category="test", key="k", value=value, by=operator)
    assert services.get_setting(category="test", key="k", default=default) == value
    assert services.get_setting(category="test", key="other", default=default) == default


@pytest.mark.parametrize("default", [True, 1, 1.0, [], {}])
def test_a_broken_value_counts_as_its_default(default, caplog):
    Setting.objects.create(category="test", key="k", value="what?")
    assert services.get_setting(category="test", key="k", default=default) == default
    assert "test.k" in caplog.text


def test_reading_a_setting_again_asks_no_database(operator, django_assert_num_queries):
    services.set_setting(category="test", key="k", value=1, by=operator)
    services.get_setting(category="test", key="k", default=0)
    services.get_setting(category="test", key="absent", default=0)
    with django_assert_num_queries(0):
        assert services.get_setting(category="test", key="k", default=0) == 1
        assert services.get_setting(category="test", key="absent", default=0) == 0


def test_a_change_is_seen_at_once_and_leaves_an_audit_line(operator):
    for value in (1, 2):
        services.set_setting(category="test", key="k", value=value, by=operator)
        assert services.get_setting(category="test", key="k", default=0) == value
    assert audit_lines()[-1] == f'setting test.k was set to "2" (by {operator})'
    services.remove_setting(category="test", key="k", by=operator)
    assert services.get_setting(category="test", key="k", default=0) == 0
    assert audit_lines()[-1] == f"setting test.k was removed (by {operator})"
    with pytest.raises(NotFound):
        services.remove_setting(category="test", key="k", by=operator)


def test_a_secret_is_encrypted_masked_and_told_only_with_an_audit_line(operator):
    services.set_setting(category="mail", key="password", value="hunter2", by=operator, is_encrypted=True)
    row = Setting.objects.get(category="mail")
    assert "hunter2" not in row.value
    assert services.get_setting(category="mail", key="password", default="") == crypto.MASK
    assert services.reveal_setting(category="mail", key="password", by=operator) == "hunter2"
    assert audit_lines()[-1] == f"secret setting mail.password was read (by {operator})"
    assert not any("hunter2" in line for line in audit_lines())


def test_a_secret_stays_one_when_it_is_changed(operator):
    services.set_setting(category="mail", key="password", value="a", by=operator, is_encrypted=True)
    services.set_setting(category="mail", key="password", value="b", by=operator)
    assert services.reveal_setting(category="mail", key="password", by=operator) == "b"
    assert Setting.objects.get(category="mail").is_encrypted


def test_revealing_what_is_not_there_says_so(operator):
    with pytest.raises(NotFound):
        services.reveal_setting(category="mail", key="none", by=operator)


@pytest.mark.parametrize("value", ["many", "0", "-5", ""])
def test_a_declared_setting_refuses_what_it_cannot_be(value, operator):
    with pytest.raises(Invalid) as caught:
        services.set_setting(category="retention", key="log_days", value=value, by=operator)
    assert "value" in caught.value.errors


def test_the_starter_rows_name_every_declared_setting_and_leave_changed_ones_alone(operator):
    Setting.objects.all().delete()
    starter.load()
    services.set_setting(category="retention", key="log_days", value=10, by=operator)
    starter.load()
    assert Setting.objects.count() == len(settings_service.declared())
    assert services.get_setting(category="retention", key="log_days") == 10
    assert Setting.objects.get(key="failed_task_days").description


def test_a_cache_that_is_away_does_not_take_the_settings_with_it(operator, monkeypatch):
    class Away:
        def __getattr__(self, name):
            raise ConnectionError

    monkeypatch.setattr(settings_service, "cache", Away())
    services.set_setting(category="test", key="k", value=7, by=operator)
    assert services.get_setting(category="test", key="k", default=0) == 7
