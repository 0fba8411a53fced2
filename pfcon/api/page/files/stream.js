// Server-Sent Events by fetch: EventSource can't send the token.

import { request } from "./api.js";

const SILENCE = 45_000; // milliseconds without a byte, after which a connection is broken: heartbeats come every 15 s
const PAUSE = 2_000; // milliseconds before the next connection
const LONGEST_PAUSE = 30_000;

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
 * onEvent(name, data) returns true. onState: called with true when events come, and with false when they do not.
 * onReset: called before a connection that could not begin where the last one has ended.
 * Raises ApiError if the service refuses the request.
 */
export async function follow(path, { query = {}, last = "", signal, onEvent, onState = () => {} }) {
    let pause = PAUSE;
    while (!signal.aborted) {
        const attempt = new AbortController();
        const abort = () => attempt.abort();
        signal.addEventListener("abort", abort);
        let timer = setTimeout(abort, SILENCE);
        const onBytes = () => {
            clearTimeout(timer);
            timer = setTimeout(abort, SILENCE);
        };
        try {
            const headers = last ? { "Last-Event-ID": last } : {};
            const response = await request("GET", path, { query, headers, signal: attempt.signal });
            onState(true);
            pause = PAUSE;
            for await (const block of blocks(response.body, onBytes)) {
                const ended = block.data && onEvent(block.name, JSON.parse(block.data));
                last = block.id || last;
                if (ended) return;
            }
        } catch (error) {
            if (signal.aborted) return;
            if (error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status)) throw error;
            onState(false);
            pause = Math.min(pause * 1.5, LONGEST_PAUSE);
        } finally {
            clearTimeout(timer);
            signal.removeEventListener("abort", abort);
            attempt.abort();
        }
        await new Promise((resolve) => setTimeout(resolve, pause));
    }
}
