// Shows a long list with as few elements as its window needs.

const OVERSCAN = 12; // rows above and below the window

/**
 * A list whose rows all have the same height, the custom property `--row` (in pixels) of its scrolling element.
 *
 * render(item, index): returns a row's element; called again when the item at a place is another object.
 * keyOf(item): the same for the same thing. onShown(last): called with the index after the last row of the window.
 * Rows that have an element with `data-focus` are walked with the arrow keys, Page Up, Page Down, Home and End.
 */
export class WindowedList {
    constructor(scroller, { render, keyOf, onShown = () => {}, indexAttribute = null, firstIndex = 1 }) {
        Object.assign(this, { scroller, render, keyOf, onShown, indexAttribute, firstIndex });
        this.items = [];
        this.rows = new Map(); // by key: {item, index, element}
        this.active = null; // the key of the row that the keyboard is on
        this.body = scroller.querySelector("[data-rows]");
        this.frame = 0;
        scroller.addEventListener("scroll", () => this.later(), { passive: true });
        scroller.addEventListener("keydown", (event) => this.#key(event));
        scroller.addEventListener("focusin", (event) => this.#focused(event));
        this.observer = new ResizeObserver(() => this.later());
        this.observer.observe(scroller);
    }

    /** Show other items. Where the reader is does not move, if the items above are still there or more of them are. */
    set(items) {
        const height = this.rowHeight();
        const top = Math.floor(this.scroller.scrollTop / height);
        const anchor = top > 0 ? this.items[top] : undefined;
        this.items = items;
        this.#resize(height);
        if (anchor !== undefined) {
            const key = this.keyOf(anchor);
            const moved = items.findIndex((item) => this.keyOf(item) === key) - top;
            if (moved > -top && moved !== 0) this.scroller.scrollTop += moved * height;
        }
        this.update();
    }

    rowHeight() {
        return parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 32;
    }

    later() {
        this.frame ||= requestAnimationFrame(() => {
            this.frame = 0;
            this.update();
        });
    }

    /** Make the rows of the window, and remove all others but the one that has the focus. again: make all anew. */
    update(again = false) {
        const height = this.rowHeight();
        this.#resize(height);
        const { scrollTop, clientHeight } = this.scroller;
        const end = Math.min(this.items.length, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN);
        const begin = Math.max(0, Math.min(Math.floor(scrollTop / height) - OVERSCAN, end));
        const wanted = new Map();
        for (let index = begin; index < end; index++) wanted.set(this.keyOf(this.items[index]), index);
        const focused = [...this.rows.values()].find(({ element }) => element.contains(document.activeElement));
        if (focused && !wanted.has(focused.key)) {
            const index = this.items.findIndex((item) => this.keyOf(item) === focused.key);
            if (index >= 0) wanted.set(focused.key, index);
        }
        for (const [key, row] of this.rows) {
            const index = wanted.get(key);
            if (index === undefined || again || row.item !== this.items[index]) {
                row.element.remove();
                this.rows.delete(key);
            }
        }
        let before = null;
        for (const [key, index] of [...wanted].sort(([, one], [, other]) => other - one)) {
            const row = this.rows.get(key) ?? this.#make(key, index, before);
            this.#place(row, index, height);
            before = row.element;
        }
        if (focused && this.rows.has(focused.key) && !focused.element.isConnected) this.#focusOf(focused.key)?.focus();
        this.#markActive(begin);
        this.onShown(end);
    }

    /** Scroll until a row is within the window. */
    reveal(index, middle = false) {
        const height = this.rowHeight();
        const { scrollTop, clientHeight } = this.scroller;
        const top = index * height;
        const below = top + height + this.body.offsetTop; // what is above the rows stays in the window
        if (middle) this.scroller.scrollTop = top - (clientHeight - height) / 2;
        else if (top < scrollTop) this.scroller.scrollTop = top;
        else if (below > scrollTop + clientHeight) this.scroller.scrollTop = below - clientHeight;
        this.update();
    }

    close() {
        this.observer.disconnect();
        cancelAnimationFrame(this.frame);
    }

    #resize(height) {
        this.body.style.height = `${this.items.length * height}px`;
    }

    #make(key, index, before) {
        const item = this.items[index];
        const row = { key, item, index: -1, element: this.render(item, index) };
        this.body.insertBefore(row.element, before);
        this.rows.set(key, row);
        return row;
    }

    #place(row, index, height) {
        if (row.index === index && row.height === height) return;
        Object.assign(row, { index, height });
        row.element.style.transform = `translateY(${index * height}px)`;
        if (this.indexAttribute) row.element.setAttribute(this.indexAttribute, String(index + this.firstIndex));
    }

    #focusOf(key) {
        return this.rows.get(key)?.element.querySelector("[data-focus]");
    }

    /** One row can be reached with Tab: the active one, or else the first of the window. */
    #markActive(begin) {
        const known = this.rows.has(this.active);
        for (const { key, index, element } of this.rows.values()) {
            const reachable = known ? key === this.active : index === begin;
            element.querySelector("[data-focus]")?.setAttribute("tabindex", reachable ? "0" : "-1");
        }
    }

    #focused(event) {
        const row = [...this.rows.values()].find(({ element }) => element.contains(event.target));
        if (row) this.active = row.key;
    }

    #key(event) {
        const row = this.rows.get(this.active);
        if (!row || !event.target.matches("[data-focus]")) return;
        const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.rowHeight()) - 1);
        const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
        const step = steps[event.key];
        if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        const index = Math.max(0, Math.min(this.items.length - 1, row.index + step));
        this.active = this.keyOf(this.items[index]);
        this.reveal(index);
        this.#focusOf(this.active)?.focus({ preventScroll: true });
    }
}
