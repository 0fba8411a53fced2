// Server-Sent Events by fetch: EventSource can't send the token.

import { ApiError, request } from "./api.js";

const FIRST = 10_000; // milliseconds until the first byte: the service sends some at once
const SILENCE = 45_000; // milliseconds without a byte, after which a connection is broken: heartbeats come every 15 s
const PAUSE = 2_000; // milliseconds before the next connection
const LONGEST_PAUSE = 30_000;
const BROKEN = "The connection is broken.";
const HELD = "Nothing comes: a proxy may hold the stream back.";

/** Yield the blocks of a stream: {id, name, data}; a block may have an id alone. onBytes: called for each piece. */
export async function* blocks(body, onBytes = () => {}) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let block = { id: "", name: "", data: [] };
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return; // a block that is not complete does not count
            onBytes();
            const lines = (rest + value).split("\n");
            rest = lines.pop();
            for (const line of lines.map((text) => text.replace(/\r$/, ""))) {
                if (line === "") {
                    if (block.id || block.data.length) yield { ...block, data: block.data.join("\n") };
                    block = { id: "", name: "", data: [] };
                    continue;
                }
                const [, field, content] = /^([^:]*):? ?(.*)$/.exec(line);
                if (field === "id") block.id = content;
                else if (field === "event") block.name = content;
                else if (field === "data") block.data.push(content);
            }
        }
    } finally {
        reader.cancel().catch(() => {});
    }
}

/**
 * Read a stream, and connect again whenever it ends, after the last event that came, until `signal` is aborted or
 * onEvent(name, data, id) returns true. onState: called with true when bytes come, and with false and the reason when
 * they do not. Raises ApiError if the service refuses the request, and after `tries` connections in a row without a byte.
 */
export async function follow(path, { query = {}, last = "", tries = Infinity, signal, onEvent, onState = () => {} }) {
    let pause = PAUSE;
    let failed = 0; // connections in a row
    while (!signal.aborted) {
        const attempt = new AbortController();
        const abort = () => attempt.abort();
        signal.addEventListener("abort", abort);
        let timer = setTimeout(abort, FIRST);
        let came = false;
        const onBytes = () => {
            clearTimeout(timer);
            timer = setTimeout(abort, SILENCE);
            if (came) return;
            came = true;
            failed = 0;
            pause = PAUSE;
            onState(true);
        };
        try {
            const headers = last ? { "Last-Event-ID": last } : {};
            const response = await request("GET", path, { query, headers, signal: attempt.signal });
            for await (const block of blocks(response.body, onBytes)) {
                const ended = block.data && onEvent(block.name, JSON.parse(block.data), block.id || last);
                last = block.id || last;
                if (ended) return;
            }
            if (!came) throw new ApiError(0, HELD);
        } catch (error) {
            if (signal.aborted) return;
            if (error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status)) throw error;
            const fault = error instanceof ApiError ? error : new ApiError(0, came ? BROKEN : HELD);
            if (++failed >= tries) throw fault;
            onState(false, fault.message);
            pause = Math.min(pause * 1.5, LONGEST_PAUSE);
        } finally {
            clearTimeout(timer);
            signal.removeEventListener("abort", abort);
            attempt.abort();
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
    }
}
