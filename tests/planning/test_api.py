import pytest

from planning.models import Plan, PlanStep


@pytest.fixture
def plan(alice):
    return Plan.objects.create(user=alice, title="trip")


@pytest.fixture
def steps(plan):
    return [PlanStep.objects.create(plan=plan, order_index=n, description=f"step {n}") for n in range(3)]


def test_a_person_writes_a_plan_and_its_steps(alice, api_of) -> None:
    client = api_of(alice)
    plan = client.post("/api/v1/plans/", {"title": "trip"}).json()
    first = client.post("/api/v1/plan-steps/", {"plan": plan["id"], "order_index": 0, "description": "pack"})
    then = {"plan": plan["id"], "order_index": 1, "description": "go", "depends_on": str(first.json()["id"])}
    second = client.post("/api/v1/plan-steps/", then)
    assert second.status_code == 201
    assert PlanStep.objects.get(pk=second.json()["id"]).dependencies == [first.json()["id"]]
    assert plan["status"] == "pending"


def test_a_step_cannot_be_put_into_someone_elses_plan(plan, bob, api_of) -> None:
    refused = api_of(bob).post(
        "/api/v1/plan-steps/", {"plan": plan.pk, "order_index": 0, "description": "spy"}
    )
    assert refused.status_code == 400
    assert "plan" in refused.json()["errors"]


def test_a_ring_of_steps_is_refused_and_its_ids_are_named(alice, steps, api_of) -> None:
    one, two, three = (step.pk for step in steps)
    client = api_of(alice)
    assert client.patch(f"/api/v1/plan-steps/{two}/", {"depends_on": f"{one}"}).status_code == 200
    assert client.patch(f"/api/v1/plan-steps/{three}/", {"depends_on": f"{two}"}).status_code == 200
    refused = client.patch(f"/api/v1/plan-steps/{one}/", {"depends_on": f"{three}"})
    assert refused.status_code == 400
    (fault,) = refused.json()["errors"]["depends_on"]
    assert all(str(key) in fault for key in (one, two, three))


@pytest.mark.parametrize("text", ["999999", "one", "1;2", "-1"])
def test_what_is_no_step_of_the_plan_is_refused(alice, steps, api_of, text) -> None:
    refused = api_of(alice).patch(f"/api/v1/plan-steps/{steps[0].pk}/", {"depends_on": text})
    assert refused.status_code == 400
    assert "depends_on" in refused.json()["errors"]


def test_a_step_does_not_wait_for_itself(alice, steps, api_of) -> None:
    own = steps[0].pk
    refused = api_of(alice).patch(f"/api/v1/plan-steps/{own}/", {"depends_on": str(own)})
    assert refused.status_code == 400


def test_a_step_stays_in_its_plan(alice, steps, api_of) -> None:
    other = Plan.objects.create(user=alice, title="another")
    refused = api_of(alice).patch(f"/api/v1/plan-steps/{steps[0].pk}/", {"plan": other.pk})
    assert refused.status_code == 400


def test_states_are_not_set_by_hand(alice, plan, api_of) -> None:
    api_of(alice).patch(f"/api/v1/plans/{plan.pk}/", {"status": "completed"})
    plan.refresh_from_db()
    assert plan.status == "pending"


def test_a_filter_does_not_tell_whether_someone_elses_plan_exists(plan, bob, api_of) -> None:
    hidden = api_of(bob).get("/api/v1/plan-steps/", {"plan": plan.pk})
    missing = api_of(bob).get("/api/v1/plan-steps/", {"plan": "no-such-plan"})
    assert hidden.status_code == missing.status_code == 400
    assert hidden.json()["errors"].keys() == missing.json()["errors"].keys() == {"plan"}
