"""REST routes of signing in, below /api/v1/auth/."""

from django.urls import path

from . import auth_api

urlpatterns = [
    path("token/", auth_api.TokenView.as_view(), name="auth_token"),
    path("sign-up/", auth_api.SignUpView.as_view(), name="auth_sign_up"),
    path("password/", auth_api.PasswordView.as_view(), name="auth_password"),
    path("password-reset/", auth_api.PasswordResetView.as_view(), name="auth_password_reset"),
    path(
        "password-reset/confirm/",
        auth_api.PasswordResetConfirmView.as_view(),
        name="auth_password_reset_confirm",
    ),
]
