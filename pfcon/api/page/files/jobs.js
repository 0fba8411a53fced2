// The view of all jobs.

import { announce, debounced, el, foreign } from "./dom.js";
import { filterForm, offer, queryOf } from "./filters.js";
import { between, bytes, count, duration, isFinal, KINDS, number, statusOf, time, wholeTime } from "./format.js";
import { JobStore } from "./job_store.js";
import { WindowedList } from "./windowed.js";

const COLUMNS = ["Status", "Job", "Owner", "Image", "Created", "Duration", "Out", "Message"];
const AHEAD = 250; // rows before the end at which the next page is read
const SETTLE = 700; // milliseconds in which several events lead to one request
const POLL = 10_000; // milliseconds between two requests while no events come
const TICK = 1_000;

let lastFilter = new URLSearchParams();

/** Show the list. filter: URLSearchParams of the address. live: the Live of this page. signal: aborted at the end. */
export function showJobs(main, filter, live, signal) {
    lastFilter = filter;
    const shown = el("p", { class: "count", role: "status" });
    const scroller = el("div", { class: "jobs", role: "table", "aria-label": "Jobs", "aria-colcount": COLUMNS.length },
        el("div", { role: "rowgroup", class: "head" },
            el("div", { role: "row", class: "row", "aria-rowindex": 1 },
                COLUMNS.map((name) => el("span", { role: "columnheader", class: name.toLowerCase() }, name)))),
        el("div", { role: "rowgroup", class: "rows", "data-rows": true }));
    const empty = el("p", { class: "empty", hidden: true });
    const form = filterForm(filter, (changed) => {
        filter = lastFilter = changed;
        history.replaceState(null, "", addressOf(filter));
        load();
    });
    const store = new JobStore(() => draw());
    const list = new WindowedList(scroller, {
        render: row, keyOf: JobStore.keyOf, indexAttribute: "aria-rowindex", firstIndex: 2,
        onShown: (end) => end + AHEAD > store.jobs.length && attempt(store.more()),
    });

    function draw() {
        list.set(store.jobs);
        scroller.setAttribute("aria-rowcount", store.next === null ? String(store.jobs.length + 1) : "-1");
        const { length } = store.jobs;
        const many = `${number(length)}${store.next === null ? "" : "+"} ${length === 1 ? "job" : "jobs"}`;
        const text = store.loading && !length ? "Loading…" : many;
        if (shown.textContent !== text) shown.textContent = text;
        empty.hidden = length > 0 || store.loading;
        empty.textContent = filter.size ? "No job has all of this. Clear a filter to see more." : "There are no jobs yet.";
        offer(form, store.jobs);
    }
    async function attempt(done) {
        try {
            await done;
        } catch (error) {
            if (signal.aborted) return;
            announce(error.message);
            if (store.jobs.length) return;
            shown.textContent = "";
            empty.hidden = false;
            empty.textContent = error.message;
        }
    }
    function load() {
        scroller.scrollTop = 0;
        attempt(store.load(queryOf(filter)));
    }

    main.replaceChildren(
        el("div", { class: "title" }, el("h1", { tabindex: -1 }, "Jobs"), shown), form, scroller, empty);
    const refresh = debounced(SETTLE, () => signal.aborted || attempt(store.refresh()));
    function again() {
        store.missed = true;
        refresh();
    }
    const stopListening = live.listen((name, event) => {
        if (name === "reset") again();
        else if (store.apply(event)) refresh();
    });
    const poll = setInterval(() => live.works || document.hidden || again(), POLL);
    const tick = setInterval(() => tickRows(scroller), TICK);
    signal.addEventListener("abort", () => {
        list.close();
        stopListening();
        clearInterval(poll);
        clearInterval(tick);
    });
    load();
}

/** Return the address of the list as it was shown last. */
export function lastAddress() {
    return addressOf(lastFilter);
}

function addressOf(filter) {
    const text = filter.toString();
    return text ? `#/jobs?${text}` : "#/jobs";
}

function row(job) {
    const { word, name } = statusOf(job);
    return el("div", { role: "row", class: `row ${name}` },
        cell("status", el("span", { class: `badge ${name}` }, word)),
        cell("job", el("a", { href: `#/jobs/${encodeURIComponent(job.jid)}`, "data-focus": true, tabindex: -1 }, job.jid),
            job.kind !== "plugin" && el("span", { class: "kind" }, KINDS[job.kind] ?? job.kind)),
        cell("owner", foreign(job.owner)),
        cell("image", foreign(job.image, { title: job.image })),
        cell("created", el("time", { datetime: job.created, title: wholeTime(job.created) }, time(job.created))),
        durationCell(job),
        cell("out", job.bytes_out === null ? "" : el("span", { title: count(job.files_out ?? 0, "file") }, bytes(job.bytes_out))),
        cell("message", foreign(job.message, { title: job.message })));
}

function durationCell(job) {
    if (!job.started) return cell("duration");
    if (isFinal(job)) return cell("duration", job.finished ? duration(between(job.started, job.finished)) : "");
    const made = cell("duration", duration(between(job.started, "")));
    made.dataset.since = job.started;
    return made;
}

function cell(name, ...content) {
    return el("span", { role: "cell", class: name }, ...content);
}

/** Renew the durations of what runs. */
export function tickRows(place) {
    for (const element of place.querySelectorAll("[data-since]")) {
        element.textContent = duration(between(element.dataset.since, ""));
    }
}

