"""Pages of secrets and encryption keys."""

from django.urls import path

from access.actor import Permission
from access.doors import page
from secrets_store.views import keys, policies, secrets
from secrets_store.views.key_wizard import CreateKeyView
from secrets_store.views.secret_wizard import StoreSecretView

app_name = "secrets_store"
urlpatterns = [
    path("policies/check", policies.check_policy, name="check_policy"),
    path("secrets/", secrets.secret_list, name="secrets"),
    path("secrets/store", page(Permission.WRITE)(StoreSecretView.as_view()), name="store"),
    path("secrets/<int:pk>/", secrets.secret_page, name="secret"),
    path("secrets/<int:pk>/retrieve", secrets.retrieve, name="retrieve"),
    path("secrets/<int:pk>/value", secrets.edit_value, name="secret_value"),
    path("secrets/<int:pk>/permissions", secrets.edit_policy_page, name="secret_policy"),
    path("secrets/<int:pk>/key", secrets.edit_key, name="secret_key"),
    path("secrets/<int:pk>/description", secrets.edit_description, name="secret_description"),
    path("secrets/<int:pk>/rotation", secrets.edit_rotation, name="secret_rotation"),
    path("secrets/<int:pk>/rotate", secrets.rotate, name="rotate"),
    path("secrets/<int:pk>/delete", secrets.delete, name="delete_secret"),
    path("secrets/<int:pk>/restore", secrets.restore, name="restore"),
    path("encryption-keys/", keys.key_list, name="keys"),
    path("encryption-keys/create", page(Permission.ADMINISTER)(CreateKeyView.as_view()), name="create_key"),
    path("encryption-keys/<str:pk>/", keys.key_page, name="key"),
    path("encryption-keys/<str:pk>/policy", keys.edit_policy_page, name="key_policy"),
    path("encryption-keys/<str:pk>/description", keys.edit_description, name="key_description"),
    path("encryption-keys/<str:pk>/rotation", keys.edit_rotation, name="key_rotation"),
    path("encryption-keys/<str:pk>/aliases", keys.add_alias, name="add_alias"),
    path("encryption-keys/<str:pk>/aliases/remove", keys.remove_alias, name="remove_alias"),
    path("encryption-keys/<str:pk>/state", keys.change_state, name="key_state"),
    path("encryption-keys/<str:pk>/delete", keys.delete, name="delete_key"),
]
