"""A replica of `projects` that only answers requests, beside the one that also relays, schedules and consumes.

What follows a write costs the same machine as the write; to see the write's own cost, it is asked of this replica: the
other one's relay, which leads, takes the events on at its leisure, as it does with those of the bare callable.
"""

import sys

from services.projects.main import NAME, ROUTERS, TITLE
from services.projects.settings import load
from services.run import calm_collector
from shared import telemetry
from shared.http_server import server
from shared.service import create_service

if __name__ == "__main__":
    settings = load()
    telemetry.configure_logging(NAME, settings.log_level)
    app = create_service(NAME, settings, title=TITLE, routers=ROUTERS, subscriptions={}, work={})
    calm_collector()
    server(app, settings.host, int(sys.argv[1])).run()
