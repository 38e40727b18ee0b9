"""Addresses of the plans' pages."""

from django.urls import path

from .views import new, plans, runs, schedules, steps

app_name = "planning"

urlpatterns = [
    path("", plans.plan_list, name="list"),
    path("new/", new.new, name="new"),
    path("new/blank/", new.blank, name="blank"),
    path("new/goal/", new.goal, name="goal"),
    path("new/json/", new.from_json, name="from_json"),
    path("new/starter/<slug:slug>/", new.from_starter, name="from_starter"),
    path("new/template/<uuid:pk>/", new.from_template, name="from_template"),
    path("executions/<uuid:pk>/", runs.detail, name="execution"),
    path("executions/<uuid:pk>/verbs/<slug:name>/", runs.verb, name="execution_verb"),
    path("executions/<uuid:pk>/steps/<int:step_pk>/", runs.step, name="execution_step"),
    path("executions/<uuid:pk>/steps/<int:step_pk>/skip/", runs.skip, name="execution_step_skip"),
    path("<uuid:pk>/", plans.detail, name="detail"),
    path("<uuid:pk>/proposal/<slug:name>/", plans.proposal_verb, name="proposal_verb"),
    path("<uuid:pk>/edit/", plans.edit, name="edit"),
    path("<uuid:pk>/duplicate/", plans.duplicate, name="duplicate"),
    path("<uuid:pk>/delete/", plans.delete, name="delete"),
    path("<uuid:pk>/export/", plans.export, name="export"),
    path("<uuid:pk>/start/", runs.start, name="start"),
    path("<uuid:pk>/runs/", runs.run_list, name="runs"),
    path("<uuid:pk>/runs/diff/", runs.diff, name="diff"),
    path("<uuid:pk>/steps/", steps.step_list, name="steps"),
    path("<uuid:pk>/steps/order/", steps.order, name="step_order"),
    path("<uuid:pk>/steps/new/", steps.add, name="step_new"),
    path("<uuid:pk>/steps/<int:step_pk>/", steps.edit, name="step"),
    path("<uuid:pk>/steps/<int:step_pk>/remove/", steps.remove, name="step_remove"),
    path("<uuid:pk>/steps/<int:step_pk>/move/<slug:direction>/", steps.move, name="step_move"),
    path("<uuid:pk>/schedules/", schedules.schedule_list, name="schedules"),
    path("<uuid:pk>/schedules/new/", schedules.add, name="schedule_new"),
    path("<uuid:pk>/schedules/<uuid:schedule_pk>/", schedules.edit, name="schedule"),
    path("<uuid:pk>/schedules/<uuid:schedule_pk>/<slug:name>/", schedules.verb, name="schedule_verb"),
]
