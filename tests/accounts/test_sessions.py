"""Sessions are rows: what happens to the row happens to the device."""

import re
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from accounts import cookies, devices, services
from accounts.middleware import SessionRowMiddleware
from accounts.models import Session, User

PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def signed_in(user: User, **session: Any) -> services.SignedIn:
    given = {"address": "192.0.2.7", "user_agent": FIREFOX, "seconds": 3600} | session
    return services.open_session(user=user, **given)


def browser_of(signed_in_: services.SignedIn) -> Client:
    """A browser whose cookie carries this session's token."""
    client = Client()
    store = client.session
    store[cookies.TOKEN_KEY] = signed_in_.token
    store.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = store.session_key
    return client


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("accounts:profile")).status_code == 200


def test_signing_in_by_page_makes_a_row_that_tells_the_device(alice: User) -> None:
    client = Client(headers={"user-agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    client.post(reverse("accounts:sign_in"), {"username": "alice", "password": PASSWORD})
    session = Session.objects.get()
    assert (session.user, session.ip_address, session.device) == (alice, "192.0.2.7", "Firefox on Linux")
    assert len(session.pk) == 36
    assert session.expires_at - timezone.now() > timedelta(days=13)


def test_only_the_hash_of_a_token_is_stored(alice: User) -> None:
    opened = signed_in(alice)
    stored = Session.objects.get()
    assert len(opened.token) >= 43  # 256 bits
    assert stored.token == services.hash_token(opened.token)
    assert opened.token not in str(stored.__dict__)


def test_a_long_user_agent_is_cut_to_the_column(alice: User) -> None:
    assert len(str(signed_in(alice, user_agent="x" * 1000).session.user_agent)) == 255


def test_a_revoked_session_stops_working_on_its_next_request(alice: User) -> None:
    opened = signed_in(alice)
    client = browser_of(opened)
    assert is_signed_in(client)
    services.revoke_session(session=opened.session, by=alice)
    assert not is_signed_in(client)


def test_an_expired_session_stops_working(alice: User) -> None:
    client = browser_of(signed_in(alice))
    Session.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert not is_signed_in(client)


@pytest.mark.parametrize("is_active", [False, None])
def test_a_deactivated_person_is_out_on_their_next_request(alice: User, is_active: bool | None) -> None:
    client = browser_of(signed_in(alice))
    User.objects.filter(pk=alice.pk).update(is_active=is_active)
    assert not is_signed_in(client)


def test_a_cookie_without_a_known_token_is_a_visitors(alice: User) -> None:
    assert not is_signed_in(browser_of(services.SignedIn(session=Session(), token="made up")))


def test_djangos_own_login_makes_a_row_too_and_its_cookie_holds_the_token_alone(alice: User) -> None:
    client = Client()
    client.force_login(alice)
    assert set(client.session.keys()) == {cookies.TOKEN_KEY}
    assert Session.objects.get().user == alice


def test_djangos_own_logout_ends_the_row(alice: User, client_of: Any) -> None:
    client_of(alice).logout()
    assert not Session.objects.exists()


def test_who_asks_is_found_in_one_query(alice: User, django_assert_num_queries: Any) -> None:
    opened = signed_in(alice)
    request = request_with(opened.token)
    with django_assert_num_queries(1):
        assert request.user == alice
        assert request.session_row == opened.session


def test_nobody_is_looked_up_until_somebody_wants_to_know(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        request = request_with("whatever")
    assert request.session_row is None


def test_activity_is_written_at_most_once_a_minute(alice: User, django_assert_num_queries: Any) -> None:
    opened = signed_in(alice)
    with django_assert_num_queries(1):
        services.authenticate_token(opened.token)
    Session.objects.update(last_active=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        services.authenticate_token(opened.token)
    with django_assert_num_queries(1):
        services.authenticate_token(opened.token)


def test_a_page_session_lasts_longer_when_it_is_used_and_so_does_its_cookie(alice: User) -> None:
    client = browser_of(signed_in(alice, seconds=60))
    Session.objects.update(last_active=timezone.now() - timedelta(minutes=2))
    response = client.get(reverse("accounts:profile"))
    assert Session.objects.get().expires_at - timezone.now() > timedelta(days=13)
    assert response.cookies[settings.SESSION_COOKIE_NAME]["max-age"] == settings.SESSION_COOKIE_AGE
    assert settings.SESSION_COOKIE_NAME not in client.get(reverse("accounts:profile")).cookies


def test_a_token_ends_at_its_fixed_time_however_much_it_is_used(alice: User) -> None:
    opened = signed_in(alice, seconds=600)
    Session.objects.update(last_active=timezone.now() - timedelta(minutes=2))
    services.authenticate_token(opened.token)
    assert Session.objects.get().expires_at == opened.session.expires_at


def test_a_stream_learns_who_asks_without_blocking(alice: User) -> None:
    opened = signed_in(alice)

    async def ask() -> tuple[Any, Any]:
        request = await sync_to_async(request_with)(opened.token)
        return await request.auser(), request.session_row

    user, row = async_to_sync(ask)()
    assert (user, row) == (alice, opened.session)


def test_the_pages_work_under_asgi(alice: User) -> None:
    async def visit() -> tuple[int, int]:
        client = AsyncClient()
        await client.aforce_login(alice)
        inside = await client.get(reverse("accounts:sessions"))
        await sync_to_async(Session.objects.all().delete)()
        outside = await client.get(reverse("accounts:sessions"))
        return inside.status_code, outside.status_code

    assert async_to_sync(visit)() == (200, 302)


def test_expired_rows_are_swept_out(alice: User) -> None:
    signed_in(alice, seconds=-1)
    kept = signed_in(alice)
    assert services.remove_expired_sessions() == 1
    assert Session.objects.get() == kept.session


# --- The page --------------------------------------------------------------
def test_the_page_lists_the_devices_and_marks_this_one(alice: User) -> None:
    here = browser_of(signed_in(alice))
    signed_in(alice, user_agent="curl/8.14.1", address="198.51.100.9")
    text = here.get(reverse("accounts:sessions")).content.decode()
    assert "Firefox on Linux" in text
    assert "curl" in text
    assert "198.51.100.9" in text
    assert text.count("this device") == 1


def test_another_device_is_signed_out_by_a_plain_form(alice: User) -> None:
    here, other = browser_of(signed_in(alice)), signed_in(alice)
    response = here.post(reverse("accounts:session_revoke", args=[other.session.pk]))
    assert response.status_code == 302
    assert is_signed_in(here)
    assert not is_signed_in(browser_of(other))


def test_another_device_is_signed_out_by_htmx(alice: User) -> None:
    here, other = browser_of(signed_in(alice)), signed_in(alice, user_agent="curl/8.14.1")
    address = reverse("accounts:session_revoke", args=[other.session.pk])
    text = here.post(address, headers={"hx-request": "true"}).content.decode()
    assert "Firefox on Linux" in text
    assert "curl" not in text
    assert "<html" not in text


def test_signing_out_this_device_leads_to_the_sign_in_page(alice: User) -> None:
    opened = signed_in(alice)
    here = browser_of(opened)
    response = here.post(reverse("accounts:session_revoke", args=[opened.session.pk]))
    assert response.url == reverse("accounts:sign_in")
    assert not is_signed_in(here)


def test_all_other_devices_are_signed_out_at_once(alice: User, bob: User) -> None:
    here = browser_of(signed_in(alice))
    others = [browser_of(signed_in(alice)) for _ in range(3)]
    bobs = browser_of(signed_in(bob))
    here.post(reverse("accounts:sessions_revoke_all"))
    assert is_signed_in(here)
    assert not any(map(is_signed_in, others))
    assert is_signed_in(bobs)


def test_somebody_elses_session_does_not_exist(alice: User, bob: User) -> None:
    bobs = signed_in(bob)
    here = browser_of(signed_in(alice))
    assert here.post(reverse("accounts:session_revoke", args=[bobs.session.pk])).status_code == 404
    assert is_signed_in(browser_of(bobs))


@pytest.mark.parametrize("count", [1, 60])
def test_the_list_takes_the_same_queries_for_any_number(
    alice: User, count: int, django_assert_num_queries: Any
) -> None:
    here = browser_of(signed_in(alice))
    for _ in range(count):
        signed_in(alice)
    with django_assert_num_queries(3):  # who asks, their rights (for the menu), the sessions
        here.get(reverse("accounts:sessions"))


# --- Devices ---------------------------------------------------------------
@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        ("python-requests/2.32", "python-requests"),
        ("", "Unknown device"),
        (None, "Unknown device"),
        ("\x00<script>", "Unknown device"),
    ],
)
def test_a_device_is_named_as_people_say_it(user_agent: str | None, said: str) -> None:
    assert devices.describe(user_agent) == said


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (0, "203.0.113.1", "192.0.2.1"),
        (1, "203.0.113.1", "203.0.113.1"),
        (1, "6.6.6.6, 203.0.113.1", "203.0.113.1"),
        (2, "6.6.6.6, 203.0.113.1, 10.0.0.1", "203.0.113.1"),
        (2, "203.0.113.1", "192.0.2.1"),
        (1, "not an address", ""),
        (1, "", "192.0.2.1"),
    ],
)
def test_an_address_is_taken_from_trusted_proxies_only(
    settings: Any, trusted: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = trusted
    headers = {"x-forwarded-for": forwarded} if forwarded else {}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")
    assert devices.address_of(request) == address


def request_with(token: str) -> Any:
    """A request with this token in its cookie, as the views see it."""
    from django.contrib.sessions.backends.signed_cookies import SessionStore

    request: Any = RequestFactory().get("/")
    request.session = SessionStore()
    request.session[cookies.TOKEN_KEY] = token

    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    SessionRowMiddleware(view)(request)
    return request


# --- Tokens for programs ----------------------------------------------------------
def test_a_person_makes_a_token_for_a_program_and_sees_it_once(alice: User, client_of: Any) -> None:
    web = client_of(alice)
    made = web.post(reverse("accounts:new_token"), {"name": "Nightly <report>", "password": PASSWORD})
    assert made.status_code == 201
    assert "no-cache" in made.headers["Cache-Control"]
    found = re.search(r'<code id="new-token">([^<]+)</code>', made.content.decode())
    assert found is not None
    token = found[1]
    bearer = {"authorization": f"Bearer {token}"}
    assert Client().get("/api/v1/conversations/", headers=bearer).status_code == 200
    page = web.get(reverse("accounts:sessions")).content.decode()
    assert "Nightly &lt;report&gt;" in page
    assert token not in page
    session = Session.objects.get(token=services.hash_token(token))
    assert session.expires_at - timezone.now() > timedelta(days=89)
    web.post(reverse("accounts:session_revoke", args=[session.pk]))
    assert Client().get("/api/v1/conversations/", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    "given", [{"name": "x", "password": "wrong"}, {"name": "", "password": PASSWORD}, {"name": "x" * 61}, {}]
)
def test_no_token_without_a_name_and_the_right_password(
    alice: User, client_of: Any, given: dict[str, str]
) -> None:
    web = client_of(alice)
    before = Session.objects.count()
    answer = web.post(reverse("accounts:new_token"), given)
    assert answer.status_code == 400
    assert "new-token" not in answer.content.decode()
    assert Session.objects.count() == before
