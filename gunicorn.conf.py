"""gunicorn's settings for heartapp; its command line and ``GUNICORN_CMD_ARGS`` win over this file."""

import os
import sys
from typing import Any

from heartapp import create_app
from heartapp.config import read_settings
from heartapp.errors import ConfigError
from heartapp.web import observe
from heartapp.web.extension import get_registry

# numpy's linear algebra would start threads that nothing here needs.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

wsgi_app = "wsgi:application"
bind = "127.0.0.1:8000"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = 4
keepalive = 5  # longer than nginx keeps its end of a connection
graceful_timeout = 5  # the largest request takes about a second
control_socket_disable = True
# heartapp itself reads X-Forwarded-*, see the setting trusted_proxies. Nobody may set SCRIPT_NAME.
forwarded_allow_ips = ""
# Neither log has a query string, which could carry a patient's values.
logger_class = "heartapp.web.gunicorn_log.Logger"
access_log_format = '%(h)s "%(m)s %(U)s" %(s)s %(b)s %(M)sms'


def on_starting(_server: Any) -> None:
    """Stop with one line where a setting is wrong. Workers start sooner and share what this loads."""
    try:
        settings = read_settings()
        observe.prepare(settings)
        get_registry(create_app(settings)).read()
    except ConfigError as error:
        sys.exit(f"heartapp: {error}")


def pre_request(_worker: Any, request: Any) -> None:
    """Close the connection after a request without a length: gunicorn would take its body for the next request."""
    if request.method == "POST" and not {"CONTENT-LENGTH", "TRANSFER-ENCODING"} & {name for name, _ in request.headers}:
        request.force_close()
