// The log of a job: live, with search.

import { jobPath, save } from "./api.js";
import { announce, debounced, el } from "./dom.js";
import { bytes, count, number } from "./format.js";
import { LogLines } from "./log_lines.js";
import { LogSource } from "./log_source.js";
import { whileSeen } from "./seen.js";
import { WindowedList } from "./windowed.js";

const DRAWN = 100; // milliseconds between two changes of what is shown
const NEAR = 4; // pixels from the end within which the reader is at the end

/** Return the section. list: pluginjobs, copyjobs, ... signal: aborted at the end. */
export function logSection(list, jid, signal) {
    const view = new LogView(list, jid);
    signal.addEventListener("abort", () => view.close());
    whileSeen(signal, (seen) => view.follow(seen));
    return view.section;
}

class LogView {
    constructor(list, jid) {
        Object.assign(this, { list, jid, log: new LogLines(), found: [], place: -1, current: null });
        this.search = el("input", { type: "search", "aria-label": "Search the log", placeholder: "Search", autocomplete: "off" });
        this.only = el("input", { type: "checkbox" });
        this.follows = el("input", { type: "checkbox", checked: true });
        this.hits = el("span", { class: "hits", role: "status" });
        this.state = el("span", { class: "state" });
        this.note = el("p", { class: "note" });
        this.scroller = el("div", { class: "log", role: "region", "aria-label": "Lines of the log", tabindex: 0 },
            el("div", { "data-rows": true }));
        this.section = el("section", { class: "panel", "aria-labelledby": "log-title" },
            el("div", { class: "bar-of-log" },
                el("h2", { id: "log-title" }, "Log"), this.state,
                this.search,
                el("button", { type: "button", "aria-label": "Previous match", onclick: () => this.step(-1) }, "↑"),
                el("button", { type: "button", "aria-label": "Next match", onclick: () => this.step(1) }, "↓"),
                this.hits,
                el("label", {}, this.only, "only matches"),
                el("label", {}, this.follows, "follow"),
                el("button", { type: "button", onclick: () => this.save() }, "Save")),
            this.note, this.scroller);
        this.rows = new WindowedList(this.scroller, { render: (line) => this.row(line), keyOf: (line) => line.key });
        this.later = debounced(DRAWN, () => this.draw());
        this.search.addEventListener("input", () => this.look());
        this.search.addEventListener("keydown", (event) => {
            if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
        });
        this.only.addEventListener("change", () => this.draw());
        this.follows.addEventListener("change", () => this.follows.checked && this.toEnd());
        this.scroller.addEventListener("scroll", () => this.scrolled(), { passive: true });
    }

    #source() {
        return new LogSource(this.list, this.jid, {
            text: (text) => this.add(() => this.log.addText(text)),
            gap: (left) => this.add(() => this.log.addGap(`… ${bytes(left)} of the log are left out here …`)),
            whole: (text) => {
                this.log = new LogLines();
                this.add(() => this.log.addText(text));
            },
            ended: (status) => this.tell(status === "removed" ? "the job was deleted" : "complete"),
            state: (works, reason) => this.tell(works ? "live" : `not live: ${reason}`),
        });
    }

    /** Show the log until it has ended or `signal` is aborted; then it can be called again. */
    async follow(signal) {
        try {
            this.source ??= this.#source();
            if (!this.source.ended) this.tell("connecting…");
            await this.source.follow(signal);
        } catch (error) {
            if (!signal.aborted) this.tell(error.message);
        }
        this.draw();
    }

    add(change) {
        change();
        this.later();
    }

    tell(text) {
        if (this.state.textContent !== text) this.state.textContent = text;
        this.state.className = text === "live" ? "state live" : "state";
    }

    draw() {
        const { lines } = this.log;
        const wanted = this.search.value.toLowerCase();
        this.found = wanted ? lines.filter(({ text }) => text.toLowerCase().includes(wanted)) : [];
        this.place = this.found.indexOf(this.current); // lines may have been dropped
        this.rows.set(wanted && this.only.checked ? this.found : lines);
        const { dropped } = this.log;
        this.scroller.classList.toggle("none", lines.length === 0);
        this.scroller.style.setProperty("--lines", String(lines.length));
        this.note.textContent = dropped ? `The first ${count(dropped, "line")} are not shown here: save the log to see all.` : "";
        this.tellHits();
        if (this.follows.checked) this.toEnd();
    }

    look() {
        this.current = null;
        this.rows.items = []; // all rows are made anew, with other marks
        this.rows.update();
        this.draw();
        if (this.search.value && this.found.length) this.step(1);
    }

    /** Go to the next match, or back. */
    step(by) {
        if (!this.found.length) return;
        this.follows.checked = false;
        this.place = (this.place + by + this.found.length) % this.found.length;
        this.current = this.found[this.place];
        this.rows.update(true);
        this.rows.reveal(this.rows.items.indexOf(this.current), true);
        this.tellHits();
    }

    tellHits() {
        const { length } = this.found;
        const text = !this.search.value ? "" : length && this.place >= 0 ? `${number(this.place + 1)} of ${number(length)}` : `${number(length)} found`;
        if (this.hits.textContent !== text) this.hits.textContent = text;
    }

    row(line) {
        return el("div", { class: `line${line.gap ? " gap" : ""}${line === this.current ? " current" : ""}` },
            el("span", { class: "number", "aria-hidden": "true" }, line.gap ? "" : String(line.number)),
            el("span", { class: "text" }, marked(line.text, this.search.value)));
    }

    toEnd() {
        this.scroller.scrollTop = this.scroller.scrollHeight;
        this.rows.update();
        this.top = this.scroller.scrollTop;
    }

    /** A reader who scrolls up reads there; one who scrolls down to the end follows it. */
    scrolled() {
        const { scrollTop, clientHeight, scrollHeight } = this.scroller;
        if (scrollTop < this.top) this.follows.checked = false;
        else if (scrollTop > this.top && scrollTop + clientHeight >= scrollHeight - NEAR && this.place < 0) this.follows.checked = true;
        this.top = scrollTop;
    }

    async save() {
        try {
            await save(jobPath(this.list, this.jid, "logs/"), `${this.jid}.log`);
        } catch (error) {
            announce(`The log can't be saved: ${error.message}`);
        }
    }

    close() {
        this.rows.close();
    }
}

/** Return the pieces of a text, with what is looked for in marks. */
function marked(text, wanted) {
    if (!wanted) return [text];
    const pieces = [];
    const [low, looked] = [text.toLowerCase(), wanted.toLowerCase()];
    if (low.length !== text.length) return [text]; // some letters have another length in lower case
    let end = 0;
    for (let at = low.indexOf(looked); at >= 0; at = low.indexOf(looked, end)) {
        pieces.push(text.slice(end, at), el("mark", {}, text.slice(at, at + looked.length)));
        end = at + looked.length;
    }
    pieces.push(text.slice(end));
    return pieces;
}
