from django.urls import URLPattern, URLResolver, path

from access.views import audit, people, signing_in

app_name = "access"
urlpatterns: list[URLPattern | URLResolver] = [
    path("sign-in", signing_in.SignIn.as_view(), name="sign_in"),
    path("sign-out", signing_in.SignOut.as_view(), name="sign_out"),
    path("password", signing_in.password, name="password"),
    path("people", people.people, name="people"),
    path("people/new", people.create_person, name="create_person"),
    path("people/<int:person_id>", people.person, name="person"),
    path("people/<int:person_id>/password", people.set_password, name="set_password"),
    path("people/<int:person_id>/active", people.switch_person, name="switch_person"),
    path("audit", audit.audit, name="audit"),
]
