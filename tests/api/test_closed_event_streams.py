"""A client that is gone before its stream of events begins."""

import socket
from pathlib import Path

from pfcon.app import create_app, jobs_of
from pfcon.auth import issue_token
from pfcon.configuration import load


def test_a_stream_to_a_connection_that_is_closed_already_keeps_no_slot(tmp_path: Path) -> None:
    settings = load({"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path)})
    app = create_app(settings)
    jobs_of(app).start()
    headers = {"Authorization": f"Bearer {issue_token(settings.auth)}"}
    closed = socket.socket()
    closed.close()
    for _ in range(settings.server.threads):  # more than there are slots
        gone = app.test_client().get("/api/v1/events/", headers=headers, environ_overrides={"gunicorn.socket": closed})
        assert gone.status_code == 200  # nobody reads it; an error would stand in the log
        gone.close()
    answer = app.test_client().get("/api/v1/events/", headers=headers)
    assert answer.status_code == 200
    answer.close()
    jobs_of(app).stop()
