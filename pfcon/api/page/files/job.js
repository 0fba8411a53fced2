// The view of one job.

import { actionsOf } from "./actions.js";
import { getJson, jobPath } from "./api.js";
import { announce, debounced, el, foreign, withCode } from "./dom.js";
import { KINDS, statusOf, time } from "./format.js";
import { lastAddress, tickRows } from "./jobs.js";
import { logSection } from "./log.js";
import { outputsSection } from "./outputs.js";
import { timeline } from "./timeline.js";

const SETTLE = 400; // milliseconds in which several events lead to one request
const POLL = 5_000; // milliseconds between two requests while no events come, or the job waits: that it is placed is none
const TICK = 1_000;

/** Show a job. live: the Live of this page. signal: aborted at the end. */
export function showJob(main, jid, live, signal) {
    const view = new JobView(main, jid, signal);
    const refresh = debounced(SETTLE, () => signal.aborted || view.read());
    const stopListening = live.listen((name, event) => (name === "reset" || event.jid === jid) && refresh());
    const poll = setInterval(() => (live.works && !view.waits) || document.hidden || refresh(), POLL);
    const tick = setInterval(() => tickRows(main), TICK);
    signal.addEventListener("abort", () => {
        stopListening();
        clearInterval(poll);
        clearInterval(tick);
    });
    view.read();
}

class JobView {
    constructor(main, jid, signal) {
        Object.assign(this, { main, jid, signal, records: null, command: "", commandOf: "", reasons: null });
        this.title = el("h1", { tabindex: -1 }, jid);
        this.badge = el("span", { role: "status" });
        this.actions = el("div", { class: "actions" });
        this.why = el("div", { class: "why", hidden: true });
        this.way = el("section", { class: "panel", "aria-labelledby": "way-title" }, el("h2", { id: "way-title" }, "Timeline"));
        this.facts = el("section", { class: "panel", "aria-labelledby": "facts-title" }, el("h2", { id: "facts-title" }, "Job"));
        this.place = el("div", { class: "sections" });
        main.replaceChildren(
            el("p", { class: "crumbs" }, el("a", { href: lastAddress() }, "← Jobs")),
            el("div", { class: "title" }, this.title, this.badge, this.actions),
            this.why, el("div", { class: "two" }, this.way, this.facts), this.place);
    }

    /** Read the state, and show it. */
    async read() {
        try {
            const { records } = await getJson(jobPath("records", this.jid), { signal: this.signal });
            const job = records.find(({ kind }) => kind === "plugin") ?? records[0];
            await this.readCommand(job);
            this.show(job, records);
        } catch (error) {
            if (this.signal.aborted) return;
            if ([400, 404].includes(error.status)) this.showAbsent(); // 400: no job can have such an id
            else announce(error.message);
        }
    }

    /** Whether a job of the id has not started yet. */
    get waits() {
        return Boolean(this.records?.some(({ status }) => status === "notStarted"));
    }

    async readCommand(job) {
        this.reasons ??= await fetch("page/reasons.json").then((answer) => answer.json()).catch(() => ({}));
        const attempt = attemptOf(job);
        if (this.commandOf === attempt) return;
        const state = await getJson(jobPath(`${job.kind}jobs`, this.jid), { signal: this.signal }).catch(() => null);
        this.command = state?.compute.cmd ?? "";
        this.commandOf = this.command ? attempt : "";
    }

    showAbsent() {
        this.badge.replaceChildren();
        this.actions.replaceChildren();
        this.place.replaceChildren();
        for (const part of [this.way, this.facts]) part.hidden = true;
        this.why.hidden = false;
        this.why.className = "why";
        this.why.replaceChildren(el("p", {}, this.records ? "This job is deleted." : "There is no job with this id. It may have been deleted."));
        this.ofAttempt?.abort();
        this.shownSections = this.states = null;
    }

    show(job, records) {
        const before = this.records?.find(({ kind }) => kind === job.kind);
        this.records = records;
        for (const part of [this.way, this.facts]) part.hidden = false;
        const { word, name } = statusOf(job);
        if (this.badge.textContent !== word) this.badge.replaceChildren(el("span", { class: `badge ${name}` }, word));
        this.showWhy(job, name);
        this.way.replaceChildren(this.way.firstChild, timeline(records));
        const facts = this.listOfFacts(job);
        if (!facts.isEqualNode(this.facts.lastChild)) this.facts.replaceChildren(this.facts.firstChild, facts);
        const hadFocus = this.actions.contains(document.activeElement);
        const states = records.map((record) => `${attemptOf(record)} ${record.status} ${record.finished}`).join();
        if (states !== this.states) {
            this.states = states;
            this.actions.replaceChildren(...actionsOf(this.jid, records, () => this.read(), this.signal));
            if (hadFocus) (this.actions.lastChild ?? this.title).focus();
        }
        this.showSections(job, before);
    }

    showWhy(job, name) {
        const advice = this.reasons[job.reason];
        const needed = job.message && job.status !== "finishedSuccessfully";
        this.why.hidden = !needed;
        if (!needed) return;
        this.why.className = `why ${name}`;
        this.why.replaceChildren(
            el("p", { class: "reason" }, job.reason && el("code", {}, job.reason), " ", foreign(job.message)),
            advice ? el("p", {}, el("strong", {}, "What to do: "), withCode(advice)) : "");
    }

    listOfFacts(job) {
        const facts = [
            ["Kind", KINDS[job.kind] ?? job.kind],
            ["Owner", job.owner && el("a", { href: `#/jobs?${new URLSearchParams({ owner: job.owner })}` }, foreign(job.owner))],
            ["Image", job.image && el("a", { href: `#/jobs?${new URLSearchParams({ image: job.image })}` }, foreign(job.image))],
            ["Digest", job.image_digest && el("code", {}, job.image_digest)],
            ["Command", this.command && el("code", { class: "command", role: "region", "aria-label": "Command", tabindex: 0 }, foreign(this.command))],
            ["Node", foreign(job.node)],
            ["Created", time(job.created)],
            ["Ended", time(job.finished)],
            ["Exit code", job.exit_code === null ? "" : String(job.exit_code)],
            ["Other jobs", this.records.filter((record) => record !== job).map(otherJob)],
        ];
        const known = facts.filter(([, value]) => (value instanceof Node ? value.textContent : value?.length));
        return el("dl", { class: "facts" }, known.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
    }

    /** Make the log anew for another attempt of the job alone; read the outputs again when their job has ended. */
    showSections(job, before) {
        const attempt = attemptOf(job);
        if (this.shownSections !== attempt) {
            this.shownSections = attempt;
            this.ofAttempt?.abort();
            this.ofAttempt = new AbortController();
            this.signal.addEventListener("abort", () => this.ofAttempt.abort());
            this.outputs = job.kind === "plugin" ? outputsSection(this.jid, this.ofAttempt.signal) : null;
            const log = logSection(`${job.kind}jobs`, this.jid, this.ofAttempt.signal);
            this.place.replaceChildren(log, ...(this.outputs ? [this.outputs.section] : []));
            this.outputs?.read();
        } else if (before?.status !== job.status) {
            this.outputs?.read();
        }
    }
}

/** Return what tells the attempts of a jid apart. */
function attemptOf({ kind, created }) {
    return `${kind} ${created}`;
}

function otherJob(record) {
    const { word, name } = statusOf(record);
    return el("span", { class: "other" }, `${KINDS[record.kind] ?? record.kind} `, el("span", { class: `badge ${name}` }, word), " ",
        foreign(record.status === "finishedSuccessfully" ? "" : record.message));
}
