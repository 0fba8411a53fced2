// Whether somebody sees the page. A tab that nobody sees keeps no connection: with HTTP/1.1, a browser has about six to a
// service for all of its tabs together.

const HIDDEN = 5_000; // milliseconds after which a hidden tab gives its connections to others

/** Call begin(signal) whenever the page is seen again. Its signal is aborted when the page is hidden, and with `signal`. */
export function whileSeen(signal, begin) {
    let turn = null; // the AbortController of what was begun
    let timer = null;
    const end = () => {
        clearTimeout(timer);
        turn?.abort();
        turn = null;
    };
    const change = () => {
        clearTimeout(timer);
        if (document.hidden) {
            timer = setTimeout(end, HIDDEN);
        } else if (turn === null) {
            turn = new AbortController();
            begin(turn.signal);
        }
    };
    document.addEventListener("visibilitychange", change, { signal });
    signal.addEventListener("abort", end);
    change();
}
