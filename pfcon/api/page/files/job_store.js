// The jobs that a list shows: pages of the records, and the changes that events tell.

import { getJson } from "./api.js";

const HEAD = 100; // records of the first page, which is read again after changes
const PAGE = 500;
const MOST = 1000; // records of a page, by the interface

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
        this.generation = 0; // of the list: pages that continue an earlier one are dropped
        this.missed = false; // whether events may have been missed: all rows that are shown have to be read again
        this.meanwhile = null; // the events that come while rows are read again
        this.refreshing = Promise.resolve();
        this.waiting = null; // the next refresh, if one is being done
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

    /**
     * Read the first page again: new jobs come there. Read all rows again that are shown, if `missed` is set, or if the
     * first page has nothing to do with them: then there are others in between. Raises ApiError.
     */
    refresh() {
        this.waiting ??= this.refreshing.then(() => {
            this.waiting = null;
            return this.#refresh();
        });
        this.refreshing = this.waiting.catch(() => {});
        return this.waiting;
    }

    async #refresh() {
        const { generation, missed } = this;
        this.missed = false;
        this.meanwhile = [];
        try {
            let page = await this.#read({ limit: HEAD });
            const records = page.records;
            const last = records.at(-1);
            const joins = last && this.jobs.some((job) => keyOf(job) === keyOf(last) && job.created === last.created);
            const whole = missed || !joins;
            while (whole && page.next !== null && records.length < this.jobs.length && generation === this.generation) {
                page = await this.#read({ limit: MOST, cursor: page.next });
                records.push(...page.records);
            }
            if (generation !== this.generation) return;
            if (whole || page.next === null) this.#replace(records, page.next);
            else this.#renewHead(records, page.next);
        } catch (error) {
            this.missed ||= missed;
            throw error;
        }
        const events = this.meanwhile;
        this.meanwhile = null;
        for (const event of events) this.apply(event);
    }

    #replace(records, next) {
        this.generation++; // a page that is being read may not follow on these
        this.loading = false;
        this.#put(this.#unchanged(records), next);
    }

    /** Put the first page before what is known. Jobs that are missing in it are gone. */
    #renewHead(records, next) {
        const fresh = new Set(records.map(keyOf));
        const { created } = records.at(-1);
        const older = this.jobs.filter((job) => !fresh.has(keyOf(job)) && job.created <= created);
        this.#put(this.#unchanged(records).concat(older), older.length ? this.next : next);
    }

    /** Take over an event. Returns whether the first page has to be read again to know all of it. */
    apply(event) {
        this.meanwhile?.push(event);
        const key = keyOf(event);
        const index = this.jobs.findIndex((job) => keyOf(job) === key);
        if (index < 0) return event.status !== "removed";
        const job = this.jobs[index];
        const jobs = [...this.jobs];
        if (event.status === "removed" || !this.#selects(event)) jobs.splice(index, 1);
        else {
            const { status, reason, message, exit_code, created, placed, started, finished } = event;
            jobs[index] = { ...job, status, reason, message, exit_code, created, placed, started, finished };
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
            const page = await this.#read(query);
            return generation === this.generation ? page : null;
        } finally {
            if (generation === this.generation) this.loading = false;
        }
    }

    #read(query) {
        return getJson("records/", { query: { ...this.query, ...query } });
    }

    #put(jobs, next) {
        this.jobs = jobs;
        this.next = next;
        this.onChange();
    }
}
