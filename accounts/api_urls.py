"""REST routes for signing in: tokens are sessions."""

urlpatterns = []
