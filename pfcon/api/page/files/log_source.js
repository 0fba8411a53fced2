// Where a log comes from: the service's stream, or the end of the log in its answers where a process of an earlier
// release, as in a rolling restart, has no stream.

import { getJson, jobPath } from "./api.js";
import { follow } from "./stream.js";

const POLL = 3_000; // milliseconds

/**
 * Follow the log of a job until it has ended, or `signal` is aborted. on: functions text(text), gap(bytes),
 * whole(text) for all of the log anew, ended(), and state(works). Raises ApiError.
 */
export async function followLog(list, jid, on, signal) {
    try {
        await follow(jobPath(list, jid, "logs/"), {
            query: { follow: "1" },
            signal,
            onState: on.state,
            onEvent: (name, data) => {
                if (name === "log") on.text(data.text);
                else if (name === "gap") on.gap(data.bytes);
                else if (name === "end") on.ended();
                return name === "end";
            },
        });
    } catch (error) {
        if (error.status !== 404) throw error;
        await poll(list, jid, on, signal);
    }
}

async function poll(list, jid, on, signal) {
    let last = null;
    on.state(true);
    while (!signal.aborted) {
        const { compute } = await getJson(jobPath(list, jid), { signal });
        if (compute.logs !== last) on.whole(compute.logs);
        last = compute.logs;
        if (compute.status !== "notStarted" && compute.status !== "started") {
            on.ended();
            return;
        }
        await new Promise((resolve) => setTimeout(resolve, POLL));
    }
}
