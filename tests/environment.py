"""A pytest plugin that decides the settings' environment before Django reads it (`-p tests.environment`).

Nothing of the developer's own .env or data directory is touched; DATABASE_URL, if script/test set
one, stays, so that the same tests run on SQLite and on PostgreSQL.
"""

import atexit
import os
import shutil
import tempfile

# Short: the embedded Redis listens on a UNIX socket in it (at most 107 bytes, unix(7)).
_data_dir = tempfile.mkdtemp(prefix="mm-test-")
atexit.register(shutil.rmtree, _data_dir, ignore_errors=True)

for name in [*os.environ]:
    if name.startswith("MAILMANAGER_") or name.removesuffix("_FILE") in {
        "SPOOL_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "DEBUG",
        "ALLOWED_HOSTS",
    }:
        del os.environ[name]

os.environ["MAILMANAGER_ENV_FILE"] = os.devnull
os.environ["MAILMANAGER_DATA_DIR"] = _data_dir
os.environ["TZ"] = "Asia/Kathmandu"  # +05:45: a naive time shows at once
