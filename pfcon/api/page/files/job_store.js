// The jobs that a list shows: pages of the records, and the changes that events tell.

import { getJson } from "./api.js";

const HEAD = 100; // records of the first page, which is read again after changes
const PAGE = 500;

function keyOf(job) {
    return `${job.kind}/${job.jid}`;
}

/** Objects are never changed: one that differs is another object. onChange: called after each change. */
export class JobStore {
    static keyOf = keyOf;

    constructor(onChange) {
        this.onChange = onChange;
        this.query = {};
        this.jobs = [];
        this.next = null; // the cursor of the next page
        this.loading = false;
        this.generation = 0; // of the query: answers to an earlier one are dropped
    }

    /** Read the list of another query. Raises ApiError. */
    async load(query) {
        this.query = query;
        const generation = ++this.generation;
        this.loading = true;
        this.onChange();
        const page = await this.#page({ limit: HEAD }, generation);
        if (page) this.#put(page.records, page.next);
    }

    /** Read the next page, if there is one and none is being read. Raises ApiError. */
    async more() {
        if (this.loading || this.next === null) return;
        this.loading = true;
        this.onChange();
        const page = await this.#page({ limit: PAGE, cursor: this.next }, this.generation);
        if (!page) return;
        const known = new Set(this.jobs.map(keyOf));
        this.#put([...this.jobs, ...page.records.filter((job) => !known.has(keyOf(job)))], page.next);
    }

    /** Read the first page again: new jobs come there. Jobs that are missing in it are gone. Raises ApiError. */
    async refresh() {
        const generation = this.generation;
        const page = await getJson("records/", { query: { ...this.query, limit: HEAD } });
        if (generation !== this.generation) return;
        if (page.next === null) {
            this.#put(this.#unchanged(page.records), null);
            return;
        }
        const fresh = new Set(page.records.map(keyOf));
        const last = page.records.at(-1);
        const older = this.jobs.filter((job) => !fresh.has(keyOf(job)) && job.created <= last.created);
        this.#put(this.#unchanged(page.records).concat(older), older.length ? this.next : page.next);
    }

    /** Take over an event. Returns whether the first page has to be read again to know all of it. */
    apply(event) {
        const key = keyOf(event);
        const index = this.jobs.findIndex((job) => keyOf(job) === key);
        if (index < 0) return event.status !== "removed";
        const job = this.jobs[index];
        const jobs = [...this.jobs];
        if (event.status === "removed" || !this.#selects(event)) jobs.splice(index, 1);
        else {
            const { status, reason, message, exit_code, created, started, finished } = event;
            jobs[index] = { ...job, status, reason, message, exit_code, created, started, finished };
        }
        this.#put(jobs, this.next);
        return event.status !== "removed";
    }

    #selects({ status }) {
        return !this.query.status || this.query.status.split(",").includes(status);
    }

    /** Keep the objects of jobs that have not changed, so that their rows are kept, too. */
    #unchanged(records) {
        const known = new Map(this.jobs.map((job) => [keyOf(job), job]));
        return records.map((record) => {
            const job = known.get(keyOf(record));
            return job && JSON.stringify(job) === JSON.stringify(record) ? job : record;
        });
    }

    async #page(query, generation) {
        try {
            const page = await getJson("records/", { query: { ...this.query, ...query } });
            return generation === this.generation ? page : null;
        } finally {
            if (generation === this.generation) this.loading = false;
        }
    }

    #put(jobs, next) {
        this.jobs = jobs;
        this.next = next;
        this.onChange();
    }
}
