"""Where each room's pages hang."""

from django.contrib import admin
from django.urls import include, path

from access.views.signing_in import admin_sign_in
from mailmanager import views

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("live", views.live, name="live"),
    path("search", views.search, name="search"),
    path("healthz", views.health, name="health"),
    path("metrics", views.metrics, name="metrics"),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("api/", include("api.urls")),
    path("access-keys/", include("api.access_key_urls")),
    path("console/", include("console.urls")),
    path("access/", include("access.urls")),
    path("resources/", include("resources.urls")),
    path("ingress-endpoints/", include("endpoints.urls")),
    path("traffic-policies/", include("policies.urls")),
    path("rule-sets/", include("rulesets.urls")),
    path("", include("secrets_store.urls")),
    path("address-lists/", include("addresslists.urls")),
    path("smtp-relays/", include("relays.urls")),
    path("destinations/", include("destinations.urls")),
    path("message-trace/", include("mailflow.urls")),
]

handler400 = "console.views.bad_request"
handler403 = "console.views.forbidden"
handler404 = "console.views.not_found"
handler500 = "console.views.server_error"
