"""Event streams of a server that does not take them over, as that of Flask's tests."""

from pathlib import Path

from pfcon.api.slots import EVENT_STREAMS
from pfcon.app import create_app, jobs_of
from pfcon.auth import issue_token
from pfcon.configuration import load


def test_a_stream_that_is_closed_keeps_no_slot(tmp_path: Path) -> None:
    settings = load({"APPLICATION_MODE": "development", "CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(tmp_path)})
    app = create_app(settings)
    jobs_of(app).start()
    headers = {"Authorization": f"Bearer {issue_token(settings.auth)}"}
    for number in range(EVENT_STREAMS + 1):
        answer = app.test_client().get("/api/v1/events/?last_event_id=0", headers=headers)
        assert answer.status_code == 200
        if number % 2:
            assert next(answer.iter_encoded()).startswith(b"retry: ")
        answer.close()
    jobs_of(app).stop()
