import pytest
from django.db import DataError, IntegrityError, connection, transaction

from planning.models import Plan
from sandbox.models import Sandbox, SandboxFile


def test_a_value_outside_of_an_enum_is_refused_by_the_database(alice) -> None:
    plan = Plan.objects.create(user=alice, title="trip")
    with pytest.raises((IntegrityError, DataError)), transaction.atomic():
        Plan.objects.filter(pk=plan.pk).update(status="dreaming")


def test_times_are_datetimes_right_after_creation_on_every_engine(alice) -> None:
    plan = Plan.objects.create(user=alice, title="trip")
    assert plan.created_at.tzinfo is not None
    assert plan.updated_at.tzinfo is not None


def test_the_database_fills_in_defaults_for_other_programs(alice) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO plan (id, user_id, title) VALUES (%s, %s, %s)", ["by-hand", alice.pk, "by hand"]
        )
    plan = Plan.objects.get(pk="by-hand")
    assert plan.status == "pending"
    assert plan.created_at is not None


def test_paths_that_differ_in_case_are_two_files(alice) -> None:
    sandbox = Sandbox.objects.create(user=alice, image_name="python")
    SandboxFile.objects.create(sandbox=sandbox, path="/data/A.txt")
    SandboxFile.objects.create(sandbox=sandbox, path="/data/a.txt")
    assert SandboxFile.objects.filter(path="/data/a.txt").count() == 1


def test_deleting_a_person_deletes_what_is_theirs_in_the_database_itself(alice) -> None:
    Plan.objects.create(user=alice, title="trip")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM user_roles WHERE user_id = %s", [alice.pk])
        cursor.execute(f"DELETE FROM {connection.ops.quote_name('user')} WHERE id = %s", [alice.pk])
    assert not Plan.objects.exists()
