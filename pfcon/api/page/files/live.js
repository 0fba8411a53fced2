// The events of all jobs: one stream for all views of this page, as each occupies a connection of the browser.

import { whileSeen } from "./seen.js";
import { follow } from "./stream.js";

export class Live {
    #listeners = new Set();
    #controller = null; // of the session

    /** onState: called with whether events come. */
    constructor(onState) {
        this.works = false;
        this.onState = onState;
    }

    /** Begin, with events from now on, and again each time that the page is seen after it was hidden. */
    start() {
        this.stop();
        this.#controller = new AbortController();
        whileSeen(this.#controller.signal, (signal) => {
            signal.addEventListener("abort", () => this.#set(false));
            follow("events/", {
                signal,
                onEvent: (name, data) => this.#tell(name, data),
                onState: (works) => this.#set(works),
            }).catch(() => this.#set(false)); // 401: the session has ended
        });
    }

    stop() {
        this.#controller?.abort();
        this.#controller = null;
    }

    /** Have listener(name, event) called for each event, until the returned function is. */
    listen(listener) {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
    }

    #tell(name, data) {
        for (const listener of this.#listeners) listener(name, data);
    }

    #set(works) {
        if (works && !this.works) this.#tell("reset", null); // changes may have been missed: views read their state again
        this.works = works;
        this.onState(works);
    }
}
