"""Sources by the clock: read when their time has come, once, for somebody who may, and only what changed."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from agi_site.lib.problems import Invalid
from knowledge.models import Knowledge
from system.models import TaskQueue
from system.queue import registry
from transfer import services
from transfer.models import DomainOntology, KnowledgeSource
from transfer.services import clock

pytestmark = pytest.mark.django_db(transaction=True)

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)


def source_of(by: Any, folder: Path, every: str = "day", **more: Any) -> KnowledgeSource:
    (folder / "handbook.md").write_text("# Leave\n\nTwenty days a year.")
    given = {"name": "handbook", "domain": "shop", "kind": "file", "connection": {"path": "handbook.md"}}
    return services.add_source(by=by, read_every=every, **(given | more))


def turn(run_tasks: Any, after: timedelta = timedelta()) -> int:
    """What the periodic job does when so much time has passed, and the work that it queued."""
    queued = services.queue_due(now=timezone.now() + after)
    run_tasks()
    return queued


def until_next(source: Any) -> timedelta:
    source.refresh_from_db()
    assert source.next_read_at is not None
    return timedelta(seconds=round((source.next_read_at - timezone.now()).total_seconds(), -1))


def test_the_scheduler_looks_for_due_sources_each_minute() -> None:
    every, job = registry.periodic_jobs()["transfer.read_due"]
    assert (every, job()) == (60, 0)


@pytest.mark.parametrize(("every", "wait"), [("hour", HOUR), ("day", DAY), ("week", WEEK)])
def test_a_source_is_read_at_once_and_then_each_time_its_turn_comes(
    operator: Any, folder: Path, run_tasks: Any, every: str, wait: timedelta
) -> None:
    source = source_of(operator, folder, every)
    assert turn(run_tasks) == 1
    assert until_next(source) == wait
    assert (source.status, source.counts["added"]) == ("completed", 1)
    assert turn(run_tasks, wait - timedelta(minutes=1)) == 0
    (folder / "handbook.md").write_text("# Leave\n\nThirty days a year.")
    assert turn(run_tasks, wait + timedelta(minutes=1)) == 1
    assert Knowledge.objects.get().content == "Thirty days a year."
    assert Knowledge.objects.get().created_by == operator


def test_reading_by_the_clock_leaves_alone_what_is_as_it_was(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = source_of(operator, folder)
    turn(run_tasks)
    Knowledge.objects.update(embedding=b"1234", embedding_model="fake")
    TaskQueue.objects.all().delete()
    rows = list(Knowledge.objects.values())
    items = list(source.items.values("pk", "content_hash", "updated_at"))
    assert turn(run_tasks, 2 * DAY) == 1
    source.refresh_from_db()
    assert source.counts == {"added": 0, "changed": 0, "unchanged": 1, "failed": 0, "removed": 0}
    assert list(Knowledge.objects.values()) == rows
    assert list(source.items.values("pk", "content_hash", "updated_at")) == items
    assert not TaskQueue.objects.exclude(task_type="transfer.sync").exists()


def test_one_that_waits_or_is_read_is_not_read_beside_it(operator: Any, folder: Path, run_tasks: Any) -> None:
    source = source_of(operator, folder)
    services.sync_source(source=source, by=operator)
    TaskQueue.objects.update(status="processing")
    KnowledgeSource.objects.update(status="running")
    services.queue_due()
    services.queue_due()
    source.refresh_from_db()
    assert (TaskQueue.objects.filter(task_type="transfer.sync").count(), source.status) == (1, "running")


def test_two_rounds_at_once_take_a_turn_once(operator: Any, folder: Path) -> None:
    source = source_of(operator, folder)
    now = timezone.now()
    seen = list(KnowledgeSource.objects.due(now + HOUR))
    assert [clock.claim(row, now) for row in seen + seen] == [True, False]
    assert until_next(source) == DAY


def test_what_is_switched_off_or_only_read_when_asked_is_left_alone(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = source_of(operator, folder, "asked")
    assert source.next_read_at is None
    assert turn(run_tasks, 30 * DAY) == 0
    source = services.change_source(source=source, by=operator, read_every="day")
    services.queue_due()
    source = services.change_source(source=source, by=operator, is_active=False)
    run_tasks()  # it was switched off between the two
    source.refresh_from_db()
    assert (source.status, source.next_read_at, Knowledge.objects.count()) == ("idle", None, 0)
    assert turn(run_tasks, 30 * DAY) == 0
    services.change_source(source=source, by=operator, is_active=True)
    assert turn(run_tasks) == 1
    assert Knowledge.objects.count() == 1


def test_switching_off_a_source_ends_the_reading_under_way_and_it_goes_on_from_there_later(
    operator: Any, folder: Path, run_tasks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "many.csv").write_text("id,title,content\n" + "".join(f"{n},t{n},c{n}\n" for n in range(6)))
    monkeypatch.setattr("transfer.services.sources.STORED", 2)
    source = source_of(operator, folder, connection={"path": "many.csv"})

    def switched_off(_told: Any) -> None:
        services.change_source(source=source, by=operator, is_active=False)

    given = {"by": operator, "contents": "passages", "stop": lambda: None}
    services.read_source(source=source, told=switched_off, **given)
    source.refresh_from_db()
    assert (source.status, Knowledge.objects.count()) == ("idle", 2)
    services.change_source(source=source, by=operator, is_active=True)
    assert turn(run_tasks) == 1
    source.refresh_from_db()
    assert (source.status, source.counts["added"], Knowledge.objects.count()) == ("completed", 6, 6)


def test_a_source_that_is_deleted_while_it_is_read_leaves_what_was_read(
    operator: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "many.csv").write_text("id,title,content\n" + "".join(f"{n},t{n},c{n}\n" for n in range(6)))
    monkeypatch.setattr("transfer.services.sources.STORED", 2)
    source = source_of(operator, folder, connection={"path": "many.csv"})

    def deleted(_told: Any) -> None:
        services.delete_source(source=KnowledgeSource.objects.get(pk=source.pk), by=operator)

    services.read_source(source=source, by=operator, contents="passages", stop=lambda: None, told=deleted)
    assert (KnowledgeSource.objects.count(), Knowledge.objects.count()) == (0, 2)


def test_a_source_that_fails_again_and_again_waits_longer_up_to_a_day(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = source_of(operator, folder, "hour", connection={"path": "gone.md"})
    waits = []
    for _time in range(7):
        KnowledgeSource.objects.update(next_read_at=timezone.now())
        assert turn(run_tasks) == 1
        waits.append(until_next(source))
    assert waits == [HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 16 * HOUR, DAY, DAY]
    source = services.change_source(source=source, by=operator, connection={"path": "handbook.md"})
    assert turn(run_tasks) == 1
    assert until_next(source) == HOUR
    assert source.failures == 0


def test_a_source_of_each_week_waits_no_less_after_a_failure(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = source_of(operator, folder, "week", connection={"path": "gone.md"})
    turn(run_tasks)
    assert until_next(source) == WEEK


@pytest.mark.parametrize("how", ["closed", "deleted", "without the role"])
def test_a_source_says_that_the_person_it_is_read_for_may_no_longer(
    operator: Any, admin_user: Any, folder: Path, run_tasks: Any, how: str
) -> None:
    source = source_of(operator, folder)
    if how == "closed":
        type(operator).objects.filter(pk=operator.pk).update(is_active=False)
    elif how == "deleted":
        operator.delete()
    else:
        operator.user_roles.all().delete()
    assert turn(run_tasks) == 0
    source.refresh_from_db()
    assert (source.status, source.reason_code, Knowledge.objects.count()) == ("failed", "nobody", 0)
    assert until_next(source) == DAY
    services.change_source(source=source, by=admin_user, read_every="day")
    assert turn(run_tasks) == 1
    assert Knowledge.objects.get().created_by == admin_user


def test_a_person_who_went_between_asking_and_reading_is_not_replaced_by_the_program(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    source = source_of(operator, folder)
    services.sync_source(source=source, by=operator)
    operator.delete()
    run_tasks()
    source.refresh_from_db()
    assert (source.status, source.reason_code, Knowledge.objects.count()) == ("failed", "nobody", 0)


def test_a_source_of_concepts_is_read_as_one_by_the_clock_and_by_its_button(
    operator: Any, folder: Path, run_tasks: Any
) -> None:
    (folder / "animals.csv").write_text("concept,is_a\nDog,Animal\nAnimal,\n")
    source = source_of(operator, folder, contents="ontology", connection={"path": "animals.csv"})
    assert turn(run_tasks) == 1
    services.sync_source(source=source, by=operator)
    run_tasks()
    assert (DomainOntology.objects.of_domain("shop").count(), Knowledge.objects.count()) == (2, 0)


def test_a_rhythm_or_contents_that_there_are_not_are_refused(operator: Any, folder: Path) -> None:
    with pytest.raises(Invalid) as refused:
        source_of(operator, folder, "minute")
    assert set(refused.value.errors) == {"read_every"}
    given = {"kind": "instance", "connection": {"url": "https://example.com", "token": "t"}}
    with pytest.raises(Invalid) as refused:
        source_of(operator, folder, contents="ontology", **given)
    assert set(refused.value.errors) == {"contents"}


def test_the_database_keeps_a_time_only_for_what_is_read_by_the_clock(operator: Any, folder: Path) -> None:
    source_of(operator, folder, "hour")
    for wrong in ({"read_every": "asked"}, {"is_active": False}, {"read_every": "minute"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            KnowledgeSource.objects.update(**wrong)


def test_finding_what_is_due_takes_one_query(
    operator: Any, folder: Path, django_assert_num_queries: Any
) -> None:
    for number in range(3):
        source_of(operator, folder, name=f"s{number}")
    KnowledgeSource.objects.update(next_read_at=timezone.now() + DAY)
    with django_assert_num_queries(1):
        assert services.queue_due() == 0


# --- Doors --------------------------------------------------------------------------------------------------
def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def test_the_pages_tell_when_a_source_is_read_next_and_switch_it_off_and_on(
    operator: Any, alice: Any, client_of: Any, folder: Path
) -> None:
    client = client_of(operator)
    form = text(client.get(reverse("transfer:source_add", args=["file"])))
    assert '<option value="day" selected>every day</option>' in form
    given = {"name": "n", "domain": "d", "path": "/", "contents": "passages", "read_every": "hour"}
    page = client.post(reverse("transfer:source_add", args=["file"]), given).url
    source = KnowledgeSource.objects.get()
    assert "every hour; next in a moment" in text(client.get(page))
    KnowledgeSource.objects.update(next_read_at=timezone.now() + 3 * HOUR + timedelta(minutes=1))
    for address in (page, reverse("transfer:sources")):
        assert "every hour; next in 3" in text(client.get(address)).replace("\xa0", " ")
    edit = reverse("transfer:source_edit", args=[source.pk])
    assert '<option value="hour" selected>' in text(client.get(edit))
    client.post(edit, given | {"path": "", "read_every": "asked"})
    assert "only when asked" in text(client.get(page))

    switch = reverse("transfer:source_switch", args=[source.pk])
    assert client_of(alice).post(switch, {"active": "off"}).status_code == 403
    assert client.get(switch).status_code == 405
    off = text(client.post(switch, {"active": "off"}, follow=True))
    assert ("switched off" in off, "Switch on" in off, "Read now" in off) == (True, True, False)
    assert "Read now" in text(client.post(switch, {"active": "on"}, follow=True))


def test_rest_sets_filters_and_shows_when_a_source_is_read(operator: Any, api_of: Any, folder: Path) -> None:
    client, address = api_of(operator), "/api/v1/knowledge-sources/"
    given = {"name": "files", "domain": "shop", "kind": "file", "connection_info": {"path": "a.txt"}}
    made = client.post(address, given, format="json").json()
    assert (made["read_every"], made["scheduled_by"], made["contents"]) == ("day", operator.pk, "passages")
    assert made["next_read_at"]
    assert made["reason"] is None
    one = f"{address}{made['id']}/"
    assert client.patch(one, {"read_every": "minute"}, format="json").status_code == 400
    assert client.patch(one, {"read_every": "asked"}, format="json").json()["next_read_at"] is None
    for query, count in (({"read_every": "asked"}, 1), ({"read_every": "day"}, 0)):
        assert len(client.get(address, query).json()["results"]) == count
    off = client.post(address, given | {"name": "off", "is_active": False}, format="json").json()
    assert (off["is_active"], off["next_read_at"]) == (False, None)


def test_the_admin_changes_the_rhythm_as_the_page_does(
    admin_user: Any, operator: Any, client_of: Any, folder: Path
) -> None:
    source = source_of(operator, folder)
    client = client_of(admin_user)
    address = reverse("admin:transfer_knowledgesource_change", args=[source.pk])
    given = {"name": "renamed", "domain": "shop", "kind": "file", "is_active": "true", "contents": "passages"}
    inline = {f"items-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    for every, next_is_set in (("asked", False), ("week", True)):
        answer = client.post(address, given | inline | {"read_every": every})
        assert answer.status_code == 302, answer.context["errors"]
        source.refresh_from_db()
        assert (source.name, source.read_every, source.next_read_at is not None) == (
            "renamed",
            every,
            next_is_set,
        )
    assert source.scheduled_by == admin_user
    assert "every week" in text(client.get(reverse("admin:transfer_knowledgesource_changelist")))


def test_a_reason_is_told_in_the_language_of_its_reader(operator: Any, folder: Path, run_tasks: Any) -> None:
    source = source_of(operator, folder, connection={"path": "gone.md"})
    turn(run_tasks)
    source.refresh_from_db()
    assert source.told_reason == source.reason == "There is no “gone.md” in the folder for sources."
    with translation.override("ko"):
        assert "gone.md" in source.told_reason != source.reason
