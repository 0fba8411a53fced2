// A job's way: its steps, with times, amounts and resources.

import { el } from "./dom.js";
import { between, bytes, count, duration, isFinal, number, time, wholeTime } from "./format.js";

const FETCHED = "Image fetched, container made";

/**
 * Return the steps of a jid: {name, from, to, notes}. from: "" while it has not begun; to: "" while it goes on.
 * records: of all kinds of the jid.
 */
export function stepsOf(records) {
    const of = (kind) => records.find((record) => record.kind === kind);
    const [copy, plugin, upload, removal] = ["copy", "plugin", "upload", "delete"].map(of);
    const steps = [];
    if (copy) steps.push({ ...spanOf(copy), name: "Copied", notes: amounts(copy.files_in, copy.bytes_in) });
    if (plugin) steps.push(...stepsOfPlugin(plugin, Boolean(copy)));
    if (upload) steps.push({ ...spanOf(upload), name: "Uploaded", notes: amounts(upload.files_out, upload.bytes_out) });
    if (removal) steps.push({ ...spanOf(removal), name: "Data deleted", notes: [] });
    return steps;
}

function stepsOfPlugin(job, copied) {
    const ended = endOf(job);
    const staged = { name: "Staged", from: job.created, to: job.staged || ended, notes: copied ? [] : amounts(job.files_in, job.bytes_in) };
    const steps = [staged];
    if (!job.staged) return steps;
    const rest = [...resources(job), ...outputs(job)];
    const waited = job.placed ? FETCHED : "Queued, image fetched"; // without a place, nobody knows which part was which
    if (job.placed) steps.push({ name: "Queued", from: job.staged, to: job.placed, notes: [] });
    const from = job.placed || job.staged;
    if (job.started) {
        steps.push({ name: waited, from, to: job.started, notes: [] });
        steps.push({ name: "Ran", from: job.started, to: ended, notes: rest });
    } else if (job.placed) {
        steps.push({ name: ended ? "Placed, until its end" : FETCHED, from, to: ended, notes: rest });
    } else {
        steps.push({ name: ended ? "Queued and ran" : "Queued", from, to: ended, notes: rest });
    }
    return steps;
}

function spanOf(record) {
    return { from: record.created, to: endOf(record) };
}

/** Return when a job has ended, "" if it has not. One that had nothing to do has no end: it took no time. */
function endOf(job) {
    const { finished, started, placed, staged, created } = job;
    return isFinal(job) ? finished || started || placed || staged || created : "";
}

function amounts(files, size) {
    if (!files && !size) return [];
    return [[count(files ?? 0, "file"), size === null ? "" : bytes(size)].filter(Boolean).join(", ")];
}

function outputs(job) {
    return job.files_out === null ? [] : amounts(job.files_out, job.bytes_out).map((text) => `output: ${text}`);
}

function resources(job) {
    const notes = [];
    if (job.cpu_seconds !== null) notes.push(`CPU ${duration(job.cpu_seconds * 1000)}`);
    if (job.max_memory_mib !== null) notes.push(`memory ${number(job.max_memory_mib)} MiB`);
    return notes;
}

/** Return the list of steps, with bars of their shares of the whole time. */
export function timeline(records) {
    const steps = stepsOf(records).filter(({ from }) => from);
    if (!steps.length) return el("p", { class: "empty" }, "Nothing is recorded of its steps.");
    const moments = steps.flatMap(({ from, to }) => [Date.parse(from), to ? Date.parse(to) : Date.now()]);
    const begin = Math.min(...moments);
    const whole = Math.max(...moments) - begin || 1;
    return el("ol", { class: "timeline" }, steps.map((step) => item(step, begin, whole)));
}

const GOING = {
    Staged: "Being staged", Queued: "Queued", [FETCHED]: "Image being fetched", Ran: "Running",
    Copied: "Being copied", Uploaded: "Being uploaded", "Data deleted": "Data are being deleted",
};

function item({ name, from, to, notes }, begin, whole) {
    const bar = el("span", { class: to ? "bar" : "bar going" });
    bar.style.marginInlineStart = `${Math.min(99, (100 * (Date.parse(from) - begin)) / whole)}%`;
    bar.style.width = `${Math.max(1, (100 * between(from, to)) / whole)}%`;
    const lasted = el("span", { class: "lasted" }, duration(between(from, to)));
    if (!to) lasted.dataset.since = from;
    return el("li", {},
        el("span", { class: "step" }, to ? name : GOING[name]),
        el("time", { datetime: from, title: wholeTime(from) }, time(from)),
        lasted,
        el("span", { class: "track", "aria-hidden": "true" }, bar),
        el("span", { class: "notes" }, notes.join(" · ")));
}
