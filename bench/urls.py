"""The program's routes and, beside them, the barest DRF views over the same rows."""

from django.urls import path
from rest_framework.generics import ListCreateAPIView
from rest_framework.serializers import ModelSerializer

from agi_site.urls import urlpatterns as site_urlpatterns
from planning.models import Plan


class BareSerializer(ModelSerializer):
    class Meta:
        model = Plan
        exclude = ["user"]


class BareView(ListCreateAPIView):
    """No authentication, permission, throttle, filter or paging: the first fifty rows, and an insert."""

    authentication_classes = permission_classes = throttle_classes = filter_backends = []
    pagination_class = None
    serializer_class = BareSerializer

    def get_queryset(self):
        return Plan.objects.order_by("-pk")[:50]

    def perform_create(self, serializer):
        serializer.save(user_id=1)


urlpatterns = [path("bench/plans/", BareView.as_view()), *site_urlpatterns]
