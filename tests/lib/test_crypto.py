import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from agi_site.lib import crypto


def test_what_is_encrypted_can_be_read_back_and_says_nothing() -> None:
    token = crypto.encrypt("비밀 secret")
    assert crypto.decrypt(token) == "비밀 secret"
    assert "secret" not in token


def test_an_old_key_still_reads_after_a_new_one_was_put_first(settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.ENCRYPTION_KEYS = [old]
    token = crypto.encrypt("kept")
    settings.ENCRYPTION_KEYS = [new, old]
    assert crypto.decrypt(token) == "kept"
    rotated = crypto.rotate(token)
    settings.ENCRYPTION_KEYS = [new]
    assert crypto.decrypt(rotated) == "kept"


def test_a_lost_key_is_said_so(settings) -> None:
    token = crypto.encrypt("kept")
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ImproperlyConfigured, match="ENCRYPTION_KEYS"):
        crypto.decrypt(token)


def test_a_sealed_object_is_unreadable_in_the_database_and_whole_in_python(db) -> None:
    from transfer.models import KnowledgeSource

    secrets = {"password": "hunter2", "port": 5432}
    source = KnowledgeSource.objects.create(name="wiki", domain="law", connection_info=secrets)
    with connection.cursor() as cursor:
        cursor.execute("SELECT connection_info FROM knowledge_source")
        (stored,) = cursor.fetchone()
    assert "hunter2" not in stored
    assert "sealed" in stored
    source.refresh_from_db()
    assert source.connection_info == secrets


def test_a_sealed_object_leaves_the_api_with_its_values_hidden(admin_user, api_of) -> None:
    client = api_of(admin_user)
    info = {"url": "mysql://wiki:hunter2@db.example.com/wiki", "query": "SELECT id FROM page", "id": "id"}
    body = {"name": "wiki", "domain": "law", "kind": "sql", "connection_info": info}
    created = client.post("/api/v1/knowledge-sources/", body)
    assert created.status_code == 201
    assert created.json()["connection_info"] == dict.fromkeys(info, crypto.MASK)
    assert "hunter2" not in client.get("/api/v1/knowledge-sources/").content.decode()
