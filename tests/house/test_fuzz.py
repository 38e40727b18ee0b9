"""The whole OpenAPI document, fuzzed: no request gets a 5xx, and every answer is documented.

A few examples are tried, always the same, and of the requests that the document says are right or wrong some
of each kind. `AGI_FUZZ_EXAMPLES=200` goes deeper, and tries every one of those (make safety does).
"""

import os
import zlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agi_site.api_urls import router

EXAMPLES = int(os.environ.get("AGI_FUZZ_EXAMPLES", "3"))
ALL_KINDS = "AGI_FUZZ_EXAMPLES" in os.environ
OF_A_KIND = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 1}


def nothing_breaks(ctx: Any, response: Any, case: Any) -> bool | None:
    """No 5xx, except a 503 that the operation documents: a part that it needs is not there in this test."""
    documented = case.operation.definition.raw.get("responses", {})
    if response.status_code == 503 and "503" in documented:
        return None
    return not_a_server_error(ctx, response, case)


CHECKS = [
    nothing_breaks,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
MODELS = {prefix: viewset.queryset.model for prefix, viewset, _name in router.registry}

schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
schema.app = get_wsgi_application()
tried: Counter[tuple[Any, ...]] = Counter()


@schema.hook
def filter_case(_context: Any, case: Any) -> bool:
    """Of the requests that follow from the document, leave out more of a kind.

    A kind is one way to keep or break one rule for one parameter: a text where the document says number.
    """
    rule = getattr(case.meta and case.meta.phase.data, "scenario", None)
    if ALL_KINDS or rule is None:
        return True
    of = case.meta.phase.data
    kind = (case.operation.label, case.method, rule, of.location, of.parameter, of.parameter_location)
    tried[kind] += 1
    return tried[kind] <= OF_A_KIND[case.meta.generation.mode]


@pytest.fixture
def token(alice: Any) -> str:
    """A token of someone who owns rows and may do everything, so that nothing hides behind a 403 or 404."""
    from accounts import services
    from accounts.models import Role, UserRole

    UserRole.objects.create(user=alice, role=Role.objects.get(name="admin"))
    return services.open_session(user=alice, address="127.0.0.1", user_agent="fuzz", seconds=3600).token


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """A request does not hang up: the test's transaction is in this connection."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def existing_key(model: Any) -> Any:
    """The key of some row that is there."""
    return model._base_manager.order_by("pk").values_list("pk", flat=True).first()


def aim(case: Any) -> None:
    """Point every other case at rows that exist: what is made up hardly ever gets past the look-up."""
    model = MODELS.get(case.operation.path.removeprefix("/api/v1/").split("/")[0])
    if model is None or zlib.crc32(repr((case.path_parameters, case.body)).encode(errors="replace")) % 2:
        return
    for name in case.path_parameters or ():
        case.path_parameters[name] = existing_key(model)
    if isinstance(case.body, dict):
        for field in model._meta.concrete_fields:
            if field.is_relation and field.name in case.body:
                case.body[field.name] = existing_key(field.related_model)


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_no_request_breaks_the_api(case: Any, token: str) -> None:
    aim(case)
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    case.validate_response(response, checks=CHECKS)
