// The events of all jobs: one stream for all views of this page, as each occupies a thread of the service.

import { follow } from "./stream.js";

const HIDDEN = 120_000; // milliseconds after which a tab that nobody sees gives its stream to others

export class Live {
    #listeners = new Set();
    #controller = null;
    #timer = null;

    /** onState: called with whether events come. */
    constructor(onState) {
        this.works = false;
        this.onState = onState;
        document.addEventListener("visibilitychange", () => {
            clearTimeout(this.#timer);
            if (!this.#controller) return; // not logged in
            if (document.hidden) this.#timer = setTimeout(() => this.#pause(), HIDDEN);
            else if (this.#controller.signal.aborted) this.start();
        });
    }

    /** Begin, with events from now on. */
    start() {
        this.#pause();
        this.#controller = new AbortController();
        const { signal } = this.#controller;
        follow("events/", {
            signal,
            onEvent: (name, data) => this.#tell(name, data),
            onState: (works) => this.#set(works),
        }).catch(() => this.#set(false)); // 401: the session has ended
    }

    stop() {
        this.#pause();
        this.#controller = null;
        clearTimeout(this.#timer);
    }

    #pause() {
        this.#controller?.abort();
        this.#set(false);
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
