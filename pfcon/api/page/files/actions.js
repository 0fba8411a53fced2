// Cancels and deletes a job, after the user has confirmed it.

import { getJson, jobPath, request } from "./api.js";
import { announce, el } from "./dom.js";
import { isFinal, plain } from "./format.js";

const LISTS = { plugin: "pluginjobs", copy: "copyjobs", upload: "uploadjobs" }; // a delete job can't be cancelled

const WAIT = 5_000; // milliseconds

/** Return the buttons for what can be done with a jid. records: of all its kinds. onDone: called after a change. signal: of the view. */
export function actionsOf(jid, records, onDone, signal) {
    const running = records.filter((record) => !isFinal(record) && record.kind in LISTS);
    const buttons = [];
    if (running.length) buttons.push(button("Cancel", "", () => cancel(jid, running, onDone, signal)));
    if (records.some((record) => record.kind === "plugin")) {
        buttons.push(button("Delete", "danger", () => remove(jid, records, signal)));
    }
    return buttons;
}

function button(word, style, call) {
    let asks = false; // one dialog at a time
    const onclick = async () => {
        if (asks) return;
        asks = true;
        await call().finally(() => (asks = false));
    };
    return el("button", { type: "button", class: style, onclick }, `${word}…`);
}

/** Cancel jobs of a jid. running: those that the user has seen: jobs that were posted since go on. */
async function cancel(jid, running, onDone, signal) {
    const text = "It is stopped. Its record, its log and the outputs that it has written so far are kept.";
    if (!(await confirmed(`Cancel job ${jid}?`, text, "Cancel the job", "Let it run", signal))) return;
    try {
        const found = await recordsOf(jid);
        if (!running.every((job) => found.some((other) => isSame(job, other)))) {
            announce(`Job ${jid} was deleted or submitted again meanwhile. Nothing is cancelled.`);
            return;
        }
        for (const { kind } of running) await request("POST", jobPath(LISTS[kind], jid, "cancel/"));
        announce(`Job ${jid} is being cancelled.`);
    } catch (error) {
        announce(`Job ${jid} can't be cancelled: ${error.message}`);
    }
    onDone();
}

/** Delete the jobs of a jid. records: those that the user has seen: jobs that were posted since are kept. */
async function remove(jid, records, signal) {
    const text = await consequences(jid, records);
    if (!(await confirmed(`Delete job ${jid}?`, text, "Delete the job", "Keep it", signal))) return;
    announce(`Job ${jid} is being deleted…`);
    try {
        const found = await recordsOf(jid);
        if (found.some((job) => !records.some((other) => isSame(job, other)))) {
            announce(`Job ${jid} was submitted again meanwhile. Nothing is deleted.`);
            return;
        }
        for (const { kind } of found) if (kind !== "plugin") await request("DELETE", jobPath(`${kind}jobs`, jid));
        if (found.some(({ kind }) => kind === "plugin")) await request("DELETE", jobPath("jobs", jid)); // with its data
        announce(`Job ${jid} is deleted.`);
        if (location.hash === `#/jobs/${encodeURIComponent(jid)}`) location.hash = "#/jobs";
    } catch (error) {
        announce(`Job ${jid} can't be deleted: ${error.message}`);
    }
}

function isSame(job, other) {
    return job.kind === other.kind && job.created === other.created;
}

async function recordsOf(jid) {
    try {
        return (await getJson(jobPath("records", jid))).records;
    } catch (error) {
        if (error.status === 404) return []; // somebody else has deleted it
        throw error;
    }
}

/** Return what a deletion does, in sentences. Outputs that are among users' files are not the service's to delete. */
async function consequences(jid, records) {
    const running = records.filter((record) => !isFinal(record)).map(({ kind }) => kind);
    const stops = running.length ? `It still runs and is stopped (${running.join(", ")}). ` : "";
    const place = await placeOfOutputs(jid);
    const kept = place ? `Its outputs stay in ${plain(place)} of the users' files. ` : "";
    const copies = records.some(({ kind }) => kind === "upload") ? "What was uploaded to the users' files stays there. " : "";
    const gone = kept ? "Its record and log, and the data that pfcon keeps of it, are deleted." : "Its inputs, outputs, log and record are deleted.";
    return `${stops}${gone} ${kept}${copies}This can't be undone.`;
}

/** Return where among users' files the outputs of a job are; "" if they are in the job's own directory. */
async function placeOfOutputs(jid) {
    try {
        return (await getJson(jobPath("pluginjobs", jid, "outputs/"), { signal: AbortSignal.timeout(WAIT) })).path;
    } catch (error) {
        return error.status === 404 ? "" : "their place, if that is a part";
    }
}

/** Ask the user; return whether the answer is yes. Escape, the first button, and leaving the view are no. */
function confirmed(question, text, yes, no, signal) {
    if (signal.aborted) return false;
    return new Promise((resolve) => {
        const dialog = el("dialog", { "aria-labelledby": "question", "aria-describedby": "consequence" },
            el("form", { method: "dialog" },
                el("h2", { id: "question" }, question),
                el("p", { id: "consequence" }, text),
                el("div", { class: "buttons" },
                    el("button", { value: "no", autofocus: true }, no),
                    el("button", { value: "yes", class: "danger" }, yes))));
        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(dialog.returnValue === "yes");
        });
        document.body.append(dialog);
        dialog.showModal();
        signal.addEventListener("abort", () => dialog.close());
    });
}
