// Requests to the HTTP interface of the service that the page is from.

import * as session from "./session.js";

const AGAIN = 500; // milliseconds before a request that got no answer is sent again
const BASE = new URL("api/v1/", document.baseURI);

/** A request that was not answered as asked. status: of HTTP; 0 if there was no answer. */
export class ApiError extends Error {
    constructor(status, message) {
        super(message);
        this.status = status;
    }
}

/** Return the answer to a request; the token is sent, if there is one. Raises ApiError. */
export async function request(method, path, { query = {}, headers = {}, body, signal } = {}) {
    const url = new URL(path, BASE);
    for (const [name, value] of Object.entries(query)) {
        if (value !== "" && value !== null && value !== undefined) url.searchParams.set(name, value);
    }
    const token = session.token();
    if (token !== null) headers = { ...headers, Authorization: `Bearer ${token}` };
    const response = await answerTo(url, { method, headers, body, signal, cache: "no-store", credentials: "omit" });
    if (response.ok) return response;
    const message = await messageOf(response);
    if (response.status === 401) session.end("Your session has ended. Log in again to go on.");
    throw new ApiError(response.status, message);
}

/** Send a request. One that only reads is sent once more: the network of a computer may have changed meanwhile. */
async function answerTo(url, options, again = options.method === "GET") {
    try {
        return await fetch(url, options);
    } catch (error) {
        if (error.name === "AbortError") throw error;
        if (!again) throw new ApiError(0, "The service does not answer.");
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
    return answerTo(url, options, false);
}

async function messageOf(response) {
    let message = "";
    try {
        ({ message } = await response.json());
    } catch {
        // not JSON: from a proxy
    }
    if (message && typeof message === "object") {
        message = Object.entries(message).map(([field, text]) => `${field}: ${text}`).join("; ");
    }
    return message || `The service answered with status ${response.status}.`;
}

export async function getJson(path, options) {
    return (await request("GET", path, options)).json();
}

/** Return the path of a job below one of the lists: `pluginjobs`, `copyjobs`, ... Raises ApiError for what is no id. */
export function jobPath(list, jid, rest = "") {
    if (/^\.*$/.test(jid)) throw new ApiError(404, "There is no such job."); // a URL with it has another path
    return `${list}/${encodeURIComponent(jid)}/${rest}`;
}

/** Begin a session. Raises ApiError. */
export async function login(user, password) {
    const body = JSON.stringify({ pfcon_user: user, pfcon_password: password });
    const response = await request("POST", "auth-token/", { headers: { "Content-Type": "application/json" }, body });
    session.begin((await response.json()).token);
}

/** Return which parts of the service work: 503 has them, too. Raises ApiError. */
export async function readiness(signal) {
    const response = await fetch(new URL("ready/", BASE), { signal, cache: "no-store", credentials: "omit" }).catch(() => null);
    const parts = response && (await response.json().catch(() => null));
    if (!parts || typeof parts !== "object" || "message" in parts) throw new ApiError(0, "The service does not answer.");
    return parts;
}

/** Save an answer as a file. onBytes: called with the number of bytes that have arrived. */
export async function save(path, name, { query, onBytes = () => {}, signal } = {}) {
    const response = await request("GET", path, { query, signal });
    let bytes = 0;
    const counter = new TransformStream({
        transform(chunk, controller) {
            bytes += chunk.byteLength;
            onBytes(bytes);
            controller.enqueue(chunk);
        },
    });
    const blob = await new Response(response.body.pipeThrough(counter)).blob();
    const url = URL.createObjectURL(blob);
    const link = document.createElement("a");
    link.href = url;
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
