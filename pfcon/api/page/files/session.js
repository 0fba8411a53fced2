// The token of this tab. It is gone when the tab is closed.

const KEY = "pfcon.token";
const ENDED = "pfcon-session-ended";

export function token() {
    return sessionStorage.getItem(KEY);
}

export function begin(given) {
    sessionStorage.setItem(KEY, given);
}

/** Forget the token. reason: a sentence for the user. */
export function end(reason) {
    if (token() === null) return;
    sessionStorage.removeItem(KEY);
    document.dispatchEvent(new CustomEvent(ENDED, { detail: reason }));
}

export function onEnd(call) {
    document.addEventListener(ENDED, (event) => call(event.detail));
}
