"""What we take from aiosmtpd is what it was when we took it (STYLE §7): the version is pinned."""

from typing import Any

from aiosmtpd import __version__
from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session


def test_the_pinned_version_is_the_one_read():
    assert __version__ == "1.4.6"


def test_session_and_envelope_have_what_the_conversation_keeps_in_them():
    no_loop: Any = None
    session, envelope = Session(no_loop), Envelope()
    assert (session.host_name, session.extended_smtp, session.authenticated) == (None, False, None)
    assert (envelope.mail_from, envelope.mail_options, envelope.smtp_utf8, envelope.rcpt_tos) == (
        None,
        [],
        False,
        [],
    )


def test_login_and_result_hide_the_password():
    assert "secret" not in repr(LoginPassword(b"login", b"secret"))
    assert "secret" not in repr(AuthResult(success=True, auth_data="secret"))


def test_proxy_header_tells_version_address_and_error():
    data = ProxyData(version=1)
    assert (data.version, data.src_addr, data.error) == (1, None, "")
