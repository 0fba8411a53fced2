// Where a log comes from: the service's stream; while that does not come, the end of the log in the answers about the job.

import { getJson, jobPath } from "./api.js";
import { isFinal } from "./format.js";
import { follow } from "./stream.js";

const TRIES = 2; // of the stream in a row, before the answers are asked
const POLL = 3_000; // milliseconds
const POLLS = 5; // before the stream is tried again; after each try, twice as many
const MOST_POLLS = 80;

/** The log of a job. follow() can be called again after its signal was aborted, and goes on where it was. */
export class LogSource {
    #path;
    #statePath;
    #on;
    #last = ""; // the id of the last event
    #polls = POLLS;
    #replaced = false; // whether the end of the log is shown: the stream then begins with its start

    /**
     * on: functions text(text), gap(bytes), whole(text) for all that is shown anew, ended(status), and state(works,
     * reason), where reason says why the stream does not come.
     */
    constructor(list, jid, on) {
        this.#path = jobPath(list, jid, "logs/");
        this.#statePath = jobPath(list, jid);
        this.#on = on;
        this.ended = false;
    }

    /** Follow the log until it has ended or `signal` is aborted. Raises ApiError. */
    async follow(signal) {
        while (!this.ended && !signal.aborted) {
            try {
                await this.#stream(signal);
            } catch (error) {
                if (error.status >= 400 && error.status < 500 && error.status !== 404) throw error;
                // 404: of a process of an earlier release, as in a rolling restart
                await this.#poll(error.status === 404 ? "the service has no stream of it" : error.message, signal);
            }
        }
    }

    #stream(signal) {
        return follow(this.#path, {
            query: { follow: "1" },
            last: this.#last,
            tries: this.#replaced ? 1 : TRIES,
            signal,
            onState: this.#on.state,
            onEvent: (name, data, id) => {
                if (this.#replaced) this.#on.whole("");
                this.#replaced = false;
                this.#polls = POLLS;
                this.#last = id;
                if (name === "log") this.#on.text(data.text);
                else if (name === "gap") this.#on.gap(data.bytes);
                else if (name === "end") this.#end(data.status);
                return this.ended;
            },
        });
    }

    async #poll(reason, signal) {
        let shown = null;
        const polls = this.#polls;
        this.#polls = Math.min(MOST_POLLS, 2 * polls);
        for (let number = 0; number < polls && !this.ended && !signal.aborted; number++) {
            try {
                const { compute } = await getJson(this.#statePath, { signal });
                if (compute.logs !== shown) this.#on.whole(compute.logs);
                shown = compute.logs;
                this.#replaced = true;
                this.#last = "";
                this.#on.state(false, reason);
                if (isFinal(compute)) this.#end(compute.status);
            } catch (error) {
                if (signal.aborted) return;
                if (error.status >= 400 && error.status < 500) throw error;
                this.#on.state(false, error.message);
            }
            if (!this.ended) await new Promise((resolve) => setTimeout(resolve, POLL));
        }
    }

    #end(status) {
        this.ended = true;
        this.#on.ended(status);
    }
}
