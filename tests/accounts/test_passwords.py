"""Changing a password, and getting back in by e-mail."""

import re
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils.module_loading import import_string

from accounts import services
from accounts.models import Session, User
from agi_site.lib.problems import Forbidden, Invalid
from system.models import TaskQueue

PASSWORD = "correct horse battery"
NEW = "another long passphrase"
CHANGE = "/accounts/password/"
RESET = "/accounts/password/reset/"


def change(client: Client, current: str = PASSWORD, new: str = NEW, again: str = NEW) -> Any:
    return client.post(CHANGE, {"current": current, "new": new, "again": again})


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/profile/").status_code == 200


def link_in_the_mail() -> str:
    found = re.search(r"https?://testserver(/\S+)", str(mail.outbox[-1].body))
    assert found
    return found[1]


# --- Changing it -----------------------------------------------------------
def test_a_changed_password_signs_the_other_devices_out_and_keeps_this_one(
    alice: User, client_of: Any, api_of: Any
) -> None:
    here, there, program = client_of(alice), client_of(alice), api_of(alice)
    assert change(here).url == "/accounts/profile/"
    assert is_signed_in(here)
    assert not is_signed_in(there)
    assert program.get("/api/v1/users/me/").status_code == 401
    alice.refresh_from_db()
    assert alice.check_password(NEW)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"current": "wrong"}, "not your current password"),
        ({"current": ""}, "Enter your password."),
        ({"again": "something else"}, "The two passwords differ. Type the same one twice."),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "alice@example.com", "again": "alice@example.com"}, "too similar"),
        ({"new": "x" * 1001, "again": "x" * 1001}, "at most 1000"),
    ],
)
def test_a_change_that_breaks_a_rule_says_which(
    alice: User, client_of: Any, given: dict[str, str], fault: str
) -> None:
    response = change(client_of(alice), **given)
    assert response.status_code == 400
    assert fault in response.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_the_current_password_cannot_be_guessed_at_leisure(
    alice: User, client_of: Any, settings: Any
) -> None:
    settings.SIGN_IN_ATTEMPTS = 2
    client = client_of(alice)
    assert [change(client, current="wrong").status_code for _ in range(3)] == [400, 400, 429]


def test_an_operator_sets_a_password_and_the_person_is_signed_out(
    alice: User, operator: User, client_of: Any
) -> None:
    client = client_of(alice)
    services.set_password(user=alice, new=NEW, by=operator)
    assert not is_signed_in(client)


def test_an_operator_cannot_take_over_an_administrators_account(operator: User, admin_user: User) -> None:
    with pytest.raises(Forbidden):
        services.set_password(user=admin_user, new=NEW, by=operator)


def test_a_password_set_on_the_command_line_ends_every_session(
    alice: User, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.management import call_command

    client = client_of(alice)
    monkeypatch.setattr("getpass.getpass", lambda prompt="": NEW)
    call_command("changepassword", "alice", verbosity=0)
    alice.refresh_from_db()
    assert alice.check_password(NEW)
    assert not is_signed_in(client)


# --- Resetting it ----------------------------------------------------------
def test_a_link_by_e_mail_sets_a_new_password_once(alice: User, client_of: Any, run_tasks: Any) -> None:
    device, visitor = client_of(alice), Client()
    assert visitor.post(RESET, {"email": "Alice@example.com"}).url == "/accounts/password/reset/sent/"
    run_tasks()
    assert mail.outbox[-1].to == ["alice@example.com"]
    link = link_in_the_mail()
    assert "alice" in visitor.get(link).content.decode()
    assert visitor.post(link, {"new": NEW, "again": NEW}).url == "/accounts/password/reset/done/"
    assert not is_signed_in(device)
    assert visitor.get(link).status_code == 404
    assert visitor.post(link, {"new": PASSWORD, "again": PASSWORD}).status_code == 404
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_an_unknown_address_gets_the_same_answer_and_no_mail(alice: User, run_tasks: Any) -> None:
    known, unknown = (
        Client().post(RESET, {"email": email}) for email in ("alice@example.com", "nobody@example.com")
    )
    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert TaskQueue.objects.count() == 2
    run_tasks()
    assert len(mail.outbox) == 1


def test_a_deactivated_person_gets_no_link(alice: User, run_tasks: Any) -> None:
    User.objects.update(is_active=False)
    Client().post(RESET, {"email": "alice@example.com"})
    run_tasks()
    assert mail.outbox == []


def test_the_link_never_stands_in_the_queue(alice: User, run_tasks: Any) -> None:
    Client().post(RESET, {"email": "alice@example.com"})
    run_tasks()
    task = TaskQueue.objects.get()
    assert task.status == "completed"
    assert link_in_the_mail().split("/")[-2] not in str(task.__dict__)


@pytest.mark.parametrize(
    ("own", "asked_in", "expected"), [("ko", "en", "ko"), ("", "ko", "ko"), ("en", "ko", "en")]
)
def test_the_mail_is_in_the_persons_language(
    alice: User, run_tasks: Any, own: str, asked_in: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accounts import tasks

    spoken: list[str | None] = []
    real = tasks.render_to_string

    def render(*args: Any) -> str:
        from django.utils.translation import get_language

        spoken.append(get_language())
        return str(real(*args))

    monkeypatch.setattr(tasks, "render_to_string", render)
    User.objects.update(language=own)
    Client(headers={"accept-language": asked_in}).post(RESET, {"email": "alice@example.com"})
    run_tasks()
    assert spoken == [expected]


def test_a_link_for_somebody_who_signed_in_since_is_void(alice: User) -> None:
    uid, token = services.make_reset_link(user=alice)
    assert services.user_of_reset_link(uid=uid, token=token) == alice
    services.open_session(user=alice, address="", user_agent="", seconds=60)
    assert services.user_of_reset_link(uid=uid, token=token) is None


@pytest.mark.parametrize("uid", ["", "!!!!", "한", "x" * 5000, "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
@pytest.mark.parametrize("token", ["", "a-b", "한", "x" * 5000, "set-password"])
def test_made_up_links_are_refused(db: None, uid: str, token: str) -> None:
    with pytest.raises(Invalid):
        services.reset_password(uid=uid, token=token, new=NEW)


def test_a_weak_new_password_is_refused_and_the_link_still_works(alice: User) -> None:
    uid, token = services.make_reset_link(user=alice)
    link = f"/accounts/password/reset/{uid}/{token}/"
    response = Client().post(link, {"new": "short", "again": "short"})
    assert response.status_code == 400
    assert "too short" in response.content.decode()
    assert Client().get(link).status_code == 200


def test_nobodys_mailbox_is_flooded(alice: User) -> None:
    answers = [Client().post(RESET, {"email": "alice@example.com"}).status_code for _ in range(4)]
    assert answers == [302, 302, 302, 429]
    assert Session.objects.count() == 0


def test_without_a_mail_server_the_mail_stands_in_the_operators_log_as_people_read_it() -> None:
    import agi_site.settings as shipped
    from accounts.mail import OperatorLogBackend

    backend = import_string(shipped.MAILERS["default"]["BACKEND"])
    assert backend is OperatorLogBackend
    log = StringIO()
    link = f"http://127.0.0.1:8000/accounts/password/reset/MQ/{'x' * 60}/"
    message = mail.EmailMessage("새 비밀번호", f"안녕하세요,\n{link}\n", to=["alice@example.com"])
    backend(stream=log, alias="default").send_messages([message])
    for said in ("alice@example.com", "새 비밀번호", "안녕하세요", link):
        assert said in log.getvalue()
