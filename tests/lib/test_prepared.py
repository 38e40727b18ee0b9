"""Queries that are written once: each answer is that of the plain query."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, models
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Role, Session, User, UserRole
from agi_site.lib.prepared import prepared

pytestmark = pytest.mark.django_db


@prepared(user=models.BigIntegerField(), since=models.DateTimeField())
def sessions_since(user, since):
    return Session.objects.select_related("user").filter(user=user, created_at__gte=since).order_by("pk")


@pytest.fixture
def sessions(alice, bob):
    return {
        user: [Session.objects.create(user=user, token=f"{user}{n}", expires_at=timezone.now()) for n in "ab"]
        for user in (alice, bob)
    }


def test_each_call_is_answered_for_its_own_values(sessions):
    since = timezone.now() - timedelta(hours=1)
    for user, rows in sessions.items():
        assert sessions_since(user=user.pk, since=since) == rows
    assert sessions_since(user=user.pk, since=timezone.now() + timedelta(hours=1)) == []


def test_rows_come_with_what_was_joined(sessions, alice, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = sessions_since(user=alice.pk, since=timezone.now() - timedelta(hours=1))
        assert [row.user for row in found] == [alice, alice]


def test_the_database_is_asked_what_the_plain_query_asks(sessions, alice):
    since = timezone.now() - timedelta(hours=1)
    plain = Session.objects.select_related("user").filter(user=alice, created_at__gte=since).order_by("pk")
    for _once_and_again in range(2):
        with CaptureQueriesContext(connection) as asked:
            sessions_since(user=alice.pk, since=since)
            list(plain.all())
        ours, django_s = (query["sql"].replace("(", "").replace(")", "") for query in asked.captured_queries)
        assert ours == django_s


def test_the_query_is_built_once(alice):
    built = []

    @prepared(name=models.CharField())
    def users(name):
        built.append(name)
        return User.objects.filter(username=name)

    assert [users(name="alice"), users(name="nobody")] == [[alice], []]
    assert len(built) == 1


def test_annotations_values_and_unions_are_read_as_they_are(alice, bob):
    Role.objects.create(name="cook")
    UserRole.objects.create(user=alice, role=Role.objects.get(name="cook"))

    @prepared(name=models.CharField())
    def holders(name):
        return Role.objects.filter(name=name).annotate(held=Count("users"))

    @prepared(one=models.CharField(), other=models.CharField())
    def either(one, other):
        first, second = (User.objects.filter(username=name).order_by() for name in (one, other))
        return first.values_list("pk", F("username")).union(second.values_list("pk", "username"), all=True)

    assert holders(name="cook")[0].held == 1
    assert sorted(either(one="bob", other="alice")) == sorted([(alice.pk, "alice"), (bob.pk, "bob")])


def test_a_list_may_have_any_length(sessions, alice, bob):
    @prepared(tokens=[models.CharField()])
    def with_tokens(tokens):
        return Session.objects.filter(token__in=tokens).order_by("pk")

    everyone = [row.token for rows in sessions.values() for row in rows]
    for some in (everyone, everyone[:1], [], everyone[1:3]):
        assert [row.token for row in with_tokens(tokens=some)] == some


def test_an_argument_that_a_lookup_takes_for_its_value_is_refused(alice):
    @prepared(users=[models.BigIntegerField()])
    def of(users):
        return Session.objects.filter(token__in=[str(user) for user in users])

    with pytest.raises(TypeError, match="users"):
        of(users=[alice.pk])


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_over_its_own_connection(sessions, alice):
    since, found = timezone.now() - timedelta(hours=1), []
    ours = sessions_since(user=alice.pk, since=since)

    def ask():
        try:
            with CaptureQueriesContext(connection) as asked:
                found.extend(sessions_since(user=alice.pk, since=since))
            found.append(len(asked))
        finally:
            connection.close()

    other = threading.Thread(target=ask)
    other.start()
    other.join()
    assert found == [*ours, 1]
