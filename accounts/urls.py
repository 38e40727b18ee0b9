"""Pages of signing in and of one's own account."""

from django.urls import path

from . import views
from .webhooks import views as webhooks

app_name = "accounts"

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-up/", views.sign_up, name="sign_up"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("password/", views.password_change, name="password_change"),
    path("password/reset/", views.password_reset, name="password_reset"),
    path("password/reset/sent/", views.password_reset_done, name="password_reset_done"),
    path("password/reset/done/", views.password_reset_complete, name="password_reset_complete"),
    path("password/reset/<uid>/<token>/", views.password_reset_confirm, name="password_reset_confirm"),
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/token/", views.new_token, name="new_token"),
    path("sessions/revoke-all/", views.sessions_revoke_all, name="sessions_revoke_all"),
    path("sessions/<pk>/revoke/", views.session_revoke, name="session_revoke"),
    path("profile/", views.profile, name="profile"),
    path("profile/delete/", views.delete_account, name="delete_account"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/new/", webhooks.webhook_new, name="webhook_new"),
    path("webhooks/deliveries/<pk>/again/", webhooks.delivery_again, name="delivery_again"),
    path("webhooks/<pk>/", webhooks.webhook_detail, name="webhook"),
    path("webhooks/<pk>/change/", webhooks.webhook_change, name="webhook_change"),
    path("webhooks/<pk>/test/", webhooks.webhook_test, name="webhook_test"),
    path("webhooks/<pk>/secret/", webhooks.webhook_rotate, name="webhook_rotate"),
    path("webhooks/<pk>/delete/", webhooks.webhook_delete, name="webhook_delete"),
    path("language/", views.set_language, name="set_language"),
]
