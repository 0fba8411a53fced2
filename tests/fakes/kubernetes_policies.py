"""The policies of a Job: which failed pod ends it (podFailurePolicy), and which succeeded ones do (successPolicy)."""

from .kubernetes_objects import Json


def failing_rule(spec: Json, pod: Json) -> str:
    """The message of a Job that a rule of its podFailurePolicy ends because of a failed pod; empty if none does.

    The first rule that matches counts.
    """
    rules = (spec.get("podFailurePolicy") or {}).get("rules") or []
    for number, rule in enumerate(rules):
        if matched := _matches(rule, pod):
            if rule["action"] != "FailJob":
                return ""
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            return matched.format(where) + f" matching FailJob rule at index {number}"
    return ""


def _matches(rule: Json, pod: Json) -> str:
    status = pod["status"]
    held = {(condition["type"], condition["status"]) for condition in status.get("conditions") or []}
    for pattern in rule.get("onPodConditions") or []:
        if (pattern["type"], pattern.get("status", "True")) in held:
            return f"Pod {{}} has condition {pattern['type']}"
    if codes := rule.get("onExitCodes"):
        for container in status.get("containerStatuses") or []:
            code = (container["state"].get("terminated") or {}).get("exitCode", 0)
            listed = code in codes["values"]
            if code and bool(listed) is (codes["operator"] == "In"):
                return f"Container {container['name']} for pod {{}} failed with exit code {code}"
    return ""


def meets_success_policy(spec: Json, succeeded: set[int]) -> bool:
    """Whether the succeeded indexes fulfil the first rule of a Job's successPolicy."""
    rules = (spec.get("successPolicy") or {}).get("rules") or []
    if not rules:
        return False
    rule = rules[0]
    counting = succeeded & _indexes(rule["succeededIndexes"]) if "succeededIndexes" in rule else succeeded
    wanted = len(_indexes(rule["succeededIndexes"])) if "succeededIndexes" in rule else 1
    return len(counting) >= int(rule.get("succeededCount", wanted))


def _indexes(text: str) -> set[int]:
    """``0,2-4``."""
    found: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return found
