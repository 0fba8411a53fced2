"""Services on loopback that speak HTTP."""

from pfcon.testing.waiting import PATIENCE

from .need import Unanswered


def require_answer(url: str, advice: str, good: bool = False) -> None:
    """Raise Unavailable, with the advice, where nothing answers. good: its status has to be below 400, too."""
    import requests

    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy for the internet does not know our loopback
            answer = session.get(url, timeout=PATIENCE)
            if good:
                answer.raise_for_status()
    except requests.RequestException as fault:
        raise Unanswered(f"{advice} ({fault})") from fault
