// Cancels and deletes a job, after the user has confirmed it.

import { jobPath, request } from "./api.js";
import { announce, el } from "./dom.js";
import { isFinal } from "./format.js";

const LISTS = { plugin: "pluginjobs", copy: "copyjobs", upload: "uploadjobs" }; // a delete job can't be cancelled

/** Return the buttons for what can be done with a jid. records: of all its kinds. onDone: called after a change. */
export function actionsOf(jid, records, onDone) {
    const running = records.filter((record) => !isFinal(record) && record.kind in LISTS);
    const buttons = [];
    if (running.length) buttons.push(button("Cancel", "", () => cancel(jid, running, onDone)));
    if (records.some((record) => record.kind === "plugin")) {
        buttons.push(button("Delete", "danger", () => remove(jid, running.length > 0)));
    }
    return buttons;
}

function button(word, style, call) {
    return el("button", { type: "button", class: style, onclick: call }, `${word}…`);
}

async function cancel(jid, running, onDone) {
    const text = "It is stopped. Its record, its log and the outputs that it has written so far are kept.";
    if (!(await confirmed(`Cancel job ${jid}?`, text, "Cancel the job", "Let it run"))) return;
    try {
        for (const { kind } of running) await request("POST", jobPath(LISTS[kind], jid, "cancel/"));
        announce(`Job ${jid} is being cancelled.`);
    } catch (error) {
        announce(`Job ${jid} can't be cancelled: ${error.message}`);
    }
    onDone();
}

async function remove(jid, runs) {
    const text = `${runs ? "It still runs and is stopped. " : ""}Its inputs, outputs, log and record are deleted. This can't be undone.`;
    if (!(await confirmed(`Delete job ${jid}?`, text, "Delete the job", "Keep it"))) return;
    announce(`Job ${jid} is being deleted…`);
    try {
        await request("DELETE", jobPath("jobs", jid));
        announce(`Job ${jid} is deleted.`);
        if (location.hash.startsWith(`#/jobs/${encodeURIComponent(jid)}`)) location.hash = "#/jobs";
    } catch (error) {
        announce(`Job ${jid} can't be deleted: ${error.message}`);
    }
}

/** Ask the user; return whether the answer is yes. Escape and the first button are no. */
function confirmed(question, text, yes, no) {
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
    });
}
