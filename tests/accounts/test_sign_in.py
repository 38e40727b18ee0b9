"""Signing in, up and out by page."""

import time
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import authenticate
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Session, User
from system.models import Log

PASSWORD = "correct horse battery"
SIGN_IN = "/accounts/sign-in/"
SIGN_UP = "/accounts/sign-up/"
NEW = {
    "username": "carol",
    "nickname": "Carol",
    "email": "Carol@Example.com",
    "password": "a long enough passphrase",
}


def sign_in(client: Client, username: str = "alice", password: str = PASSWORD, **more: Any) -> Any:
    return client.post(SIGN_IN, {"username": username, "password": password} | more)


def test_a_person_signs_in_and_goes_home(alice: User) -> None:
    response = sign_in(Client())
    assert (response.status_code, response.url) == (302, reverse("home"))
    alice.refresh_from_db()
    assert alice.last_login is not None


def test_a_visitor_who_was_heading_somewhere_is_taken_there(alice: User) -> None:
    client = Client()
    turned_away = client.get(reverse("accounts:sessions"))
    page = client.get(turned_away.url)
    assert '<input type="hidden" name="next" value="/accounts/sessions/">' in page.content.decode()
    assert sign_in(client, next="/accounts/sessions/").url == "/accounts/sessions/"


def test_who_is_signed_in_already_goes_home_or_may_change_accounts(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    assert client.get(SIGN_IN).url == reverse("home")
    text = client.get(SIGN_IN, {"next": "/admin/"}).content.decode()
    assert "You are signed in as alice." in text


def test_who_comes_with_a_session_that_ended_is_told(alice: User, client_of: Any) -> None:
    told = "Your session has ended."
    client = client_of(alice)
    Session.objects.update(expires_at=timezone.now())
    assert told in client.get(client.get(reverse("accounts:sessions")).url).content.decode()
    assert told not in Client().get(SIGN_IN).content.decode()
    sign_in(client)
    client.post(reverse("accounts:sign_out"))
    assert told not in client.get(SIGN_IN).content.decode()


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "/accounts/sign-out/",
        "\x00",
        "",
    ],
)
def test_an_open_redirect_is_refused(alice: User, address: str) -> None:
    assert sign_in(Client(), next=address).url == reverse("home")
    shown = Client().get(SIGN_IN, {"next": address}).content.decode()
    assert f'name="next" value="{escape(address)}"' not in shown


@pytest.mark.parametrize(("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD)])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    alice: User, username: str, password: str
) -> None:
    response = sign_in(Client(), username, password)
    assert response.status_code == 400
    assert "The name or the password is wrong. Check both and try again." in response.content.decode()
    assert not Session.objects.exists()


def test_a_refused_sign_in_leaves_an_audit_line_without_what_was_typed(alice: User) -> None:
    Log.objects.all().delete()
    sign_in(Client(REMOTE_ADDR="192.0.2.9"), "my secret password", "my secret password")
    line = Log.objects.get(component="accounts")
    assert "192.0.2.9" in line.message
    assert "secret" not in line.message


def test_a_deactivated_person_gets_that_answer_too(alice: User) -> None:
    User.objects.update(is_active=False)
    assert "The name or the password is wrong" in sign_in(Client()).content.decode()


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_the_answer_takes_as_long_for_unknown_names(alice: User, settings: Any, username: str) -> None:
    """Each costs one hashing; with the real, slow hasher that is nearly all of the time."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    alice.set_password(PASSWORD)
    alice.save()
    started = time.process_time()
    authenticate(username=username, password="wrong")
    assert time.process_time() - started > 0.01


def test_the_form_says_what_is_missing(db: None) -> None:
    text = Client().post(SIGN_IN, {}).content.decode()
    assert "Enter your username." in text
    assert "Enter your password." in text


@pytest.mark.parametrize("username", ["x" * 10_000, "\x00", "ali\x00ce", "😀", "' OR 1=1 --"])
def test_odd_names_are_refused_politely(db: None, username: str) -> None:
    assert sign_in(Client(), username).status_code == 400


def test_a_form_without_its_csrf_token_is_refused(alice: User) -> None:
    client = Client(enforce_csrf_checks=True)
    for address in (SIGN_IN, SIGN_UP, "/accounts/password/reset/", "/accounts/language/"):
        assert client.post(address, {"username": "alice", "password": PASSWORD}).status_code == 403
    client.force_login(alice)
    for address in ("/accounts/sign-out/", "/accounts/sessions/revoke-all/", "/accounts/profile/delete/"):
        assert client.post(address).status_code == 403
    assert Session.objects.count() == 1


def test_signing_in_changes_the_csrf_token_and_drops_what_a_visitor_had(alice: User) -> None:
    client = Client()
    client.get(SIGN_IN)
    before = client.cookies["csrftoken"].value
    store = client.session
    store["left"] = "over"
    store.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = store.session_key
    sign_in(client)
    assert client.cookies["csrftoken"].value != before
    assert "left" not in client.session


def test_signing_out_ends_the_row_and_the_cookie(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    assert client.post("/accounts/sign-out/").url == SIGN_IN
    assert not Session.objects.exists()
    client.cookies[settings.SESSION_COOKIE_NAME] = cookie  # somebody kept a copy
    assert client.get("/accounts/profile/").status_code == 302


def test_signing_out_takes_a_post(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    assert client.get("/accounts/sign-out/").status_code == 405
    assert Session.objects.exists()


def test_pages_for_people_send_visitors_to_sign_in(db: None) -> None:
    for name in ("sessions", "profile", "password_change", "delete_account"):
        address = reverse(f"accounts:{name}")
        assert Client().get(address).url == f"{SIGN_IN}?next={address}"


# --- Too many attempts -----------------------------------------------------
def test_an_account_has_to_wait_after_too_many_wrong_passwords(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS = 3
    client = Client()
    for _attempt in range(3):
        assert sign_in(client, password="wrong").status_code == 400
    response = sign_in(client)
    assert response.status_code == 429
    assert 1 <= int(response.headers["Retry-After"]) <= 600
    assert "Too many attempts. Wait" in response.content.decode()
    assert sign_in(Client(REMOTE_ADDR="192.0.2.9")).status_code == 429


def test_an_account_is_the_same_however_its_name_is_written(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS = 1
    assert sign_in(Client(), "ALICE", "wrong").status_code == 400
    assert sign_in(Client()).status_code == 429


def test_an_address_has_to_wait_whatever_names_it_tries(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS_PER_ADDRESS = 3
    for number in range(3):
        assert sign_in(Client(), f"name{number}", "wrong").status_code == 400
    assert sign_in(Client()).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.9")).status_code == 302


def test_a_right_password_forgets_the_wrong_ones_before_it(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS = 2
    for _round in range(3):
        assert sign_in(Client(), password="wrong").status_code == 400
        assert sign_in(Client()).status_code == 302


def test_right_passwords_count_for_no_address(alice: User, settings: Any) -> None:
    settings.SIGN_IN_ATTEMPTS_PER_ADDRESS = 1
    assert [sign_in(Client()).status_code for _attempt in range(3)] == [302, 302, 302]


# --- Signing up ------------------------------------------------------------
def test_a_newcomer_signs_up_and_is_signed_in_with_the_role_user(db: None) -> None:
    client = Client()
    response = client.post(SIGN_UP, NEW)
    assert (response.status_code, response.url) == (302, reverse("home"))
    carol = User.objects.get(username="carol")
    assert (carol.nickname, carol.email, carol.language) == ("Carol", "carol@example.com", "en")
    assert carol.role_names == {"user"}
    assert Session.objects.get().user == carol
    assert client.get("/accounts/profile/").status_code == 200


def test_a_newcomer_goes_on_to_where_they_were_heading(db: None) -> None:
    assert Client().post(SIGN_UP, NEW | {"next": "/accounts/sessions/"}).url == "/accounts/sessions/"
    assert (
        Client().post(SIGN_UP, NEW | {"username": "d", "email": "d@example.com", "next": "//e.vil"}).url
        == "/"
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"username": "alice"}, "This name is taken. Choose another."),
        ({"email": "alice@example.com"}, "belongs to another account"),
        ({"email": "ALICE@example.com"}, "belongs to another account"),
        ({"password": "short"}, "too short"),
        ({"password": "password12345"}, "too common"),
        ({"password": "carol@example.com"}, "too similar"),
        ({"email": "nowhere"}, "valid email"),
        ({"username": "a b"}, "valid username"),
        ({"username": "x" * 101}, "at most 100"),
        ({"username": ""}, "Enter your username."),
        ({"nickname": "x" * 51}, "at most 50"),
        ({"username": "nul\x00"}, "Null characters"),
    ],
)
def test_a_sign_up_that_breaks_a_rule_says_which(alice: User, change: dict[str, str], fault: str) -> None:
    response = Client().post(SIGN_UP, NEW | change)
    assert response.status_code == 400
    assert fault in response.content.decode()
    assert User.objects.count() == 1


def test_names_may_be_korean(db: None) -> None:
    Client().post(SIGN_UP, NEW | {"username": "홍길동", "nickname": "길동"})
    assert User.objects.get().nickname == "길동"


def test_sign_up_can_be_closed(db: None, settings: Any) -> None:
    settings.SIGN_UP_OPEN = False
    assert Client().get(SIGN_UP).status_code == 403
    assert Client().post(SIGN_UP, NEW).status_code == 403
    assert "sign-up" not in Client().get(SIGN_IN).content.decode()
    assert not User.objects.exists()


def test_an_address_makes_only_so_many_accounts(db: None, settings: Any) -> None:
    settings.SIGN_UPS_PER_ADDRESS = 1
    assert Client().post(SIGN_UP, NEW).status_code == 302
    second = NEW | {"username": "dave", "email": "dave@example.com"}
    assert Client().post(SIGN_UP, second).status_code == 429


# --- Language --------------------------------------------------------------
def test_pages_speak_the_persons_language_after_sign_in(alice: User) -> None:
    User.objects.update(language="ko")
    client = Client()
    sign_in(client)
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ko"
    assert '<html lang="ko"' in client.get("/accounts/profile/").content.decode()


def test_the_language_switch_remembers_a_persons_choice(alice: User, client_of: Any) -> None:
    client = client_of(alice)
    response = client.post("/accounts/language/", {"language": "ko", "next": "/accounts/profile/"})
    assert response.url == "/accounts/profile/"
    alice.refresh_from_db()
    assert alice.language == "ko"


def test_a_visitor_switches_the_language_of_the_browser(db: None) -> None:
    client = Client()
    client.post("/accounts/language/", {"language": "ko", "next": SIGN_IN})
    assert '<html lang="ko"' in client.get(SIGN_IN).content.decode()
    assert client.post("/accounts/language/", {"language": "xx", "next": "//e.vil"}).url == "/"
