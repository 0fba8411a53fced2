// The token of this tab. It is gone when the tab is closed.

const KEY = "pfcon.token";
const REASON = "pfcon.ended"; // why the last session has ended, for the login
const ENDED = "pfcon-session-ended";

export function token() {
    return sessionStorage.getItem(KEY);
}

export function begin(given) {
    sessionStorage.setItem(KEY, given);
    sessionStorage.removeItem(REASON);
}

/** Forget the token. reason: a sentence for the user. */
export function end(reason) {
    if (token() === null) return;
    sessionStorage.removeItem(KEY);
    sessionStorage.setItem(REASON, reason);
    document.dispatchEvent(new CustomEvent(ENDED));
}

/** Return why the last session of this tab has ended; "" if there was none. */
export function reasonOfEnd() {
    return sessionStorage.getItem(REASON) ?? "";
}

export function onEnd(call) {
    document.addEventListener(ENDED, call);
}
