"""The WSGI application, for `gunicorn -c python:tandem_admin.gunicorn tandem_admin.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tandem_admin.settings")
application = get_wsgi_application()
