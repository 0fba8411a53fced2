// What the list of jobs is filtered by. It is a part of the address, so that it can be kept and sent.

import { el } from "./dom.js";
import { KINDS, STATUSES } from "./format.js";

const PERIODS = { "": "Any time", 1: "Last hour", 24: "Last 24 hours", 168: "Last 7 days", 720: "Last 30 days", between: "Between" };
const HOUR = 3_600_000; // milliseconds
const WAIT = 300; // milliseconds after the last key, before the list is read again

/** Return the parameters of `records/` for the filter of an address. filter: URLSearchParams. */
export function queryOf(filter) {
    const query = {};
    for (const name of ["status", "owner", "image", "text"]) query[name] = filter.get(name) ?? "";
    query.kind = filter.get("kind") ?? "plugin";
    if (query.kind === "all") query.kind = "";
    const period = filter.get("period") ?? "";
    if (period === "between") {
        for (const name of ["since", "until"]) query[name] = instant(filter.get(name));
    } else if (period) {
        query.since = instant(Date.now() - Number(period) * HOUR);
    }
    return query;
}

function instant(value) {
    const moment = value ? new Date(value) : null; // a text without a zone is in the user's own
    return moment && !Number.isNaN(moment.getTime()) ? moment.toISOString() : "";
}

/** Return the form. filter: URLSearchParams. onChange: called with new ones. */
export function filterForm(filter, onChange) {
    const chosen = new Set((filter.get("status") ?? "").split(",").filter(Boolean));
    const between = el("span", { class: "between", hidden: filter.get("period") !== "between" },
        field("Since", el("input", { type: "datetime-local", name: "since", value: filter.get("since") })),
        field("Until", el("input", { type: "datetime-local", name: "until", value: filter.get("until") })));
    const form = el("form", { class: "filters", role: "search", "aria-label": "Filter jobs" },
        field("Text", el("input", {
            type: "search", name: "text", value: filter.get("text"), maxlength: 200,
            placeholder: "id, image, owner, message", autocomplete: "off",
        }), "wide"),
        field("Owner", el("input", { type: "search", name: "owner", value: filter.get("owner"), list: "owners", autocomplete: "off" })),
        field("Image", el("input", { type: "search", name: "image", value: filter.get("image"), list: "images", autocomplete: "off" }), "wide"),
        field("Kind", choice("kind", { ...KINDS, all: "All kinds" }, filter.get("kind") ?? "plugin")),
        field("Created", choice("period", PERIODS, filter.get("period") ?? "")),
        between,
        el("fieldset", { class: "chips" }, el("legend", { class: "unseen" }, "Status"),
            Object.entries(STATUSES).map(([value, word]) => el("label", { class: `chip ${value}` },
                el("input", { type: "checkbox", name: "status", value, checked: chosen.has(value) }), el("span", {}, word)))),
        el("button", { type: "reset" }, "Clear"),
        el("datalist", { id: "owners" }), el("datalist", { id: "images" }));
    let timer = null;
    const changed = () => {
        between.hidden = form.elements.period.value !== "between";
        clearTimeout(timer);
        onChange(read(form));
    };
    form.addEventListener("change", changed);
    form.addEventListener("input", (event) => {
        clearTimeout(timer);
        if (event.target.type === "search") timer = setTimeout(changed, WAIT);
    });
    form.addEventListener("submit", (event) => {
        event.preventDefault();
        changed();
    });
    form.addEventListener("reset", (event) => {
        event.preventDefault();
        for (const input of form.elements) {
            if (input.type === "checkbox") input.checked = false;
            else if (input.name) input.value = input.name === "kind" ? "plugin" : "";
        }
        changed();
    });
    return form;
}

/** Offer the owners and images of the jobs that are known. */
export function offer(form, jobs) {
    for (const [id, name] of [["owners", "owner"], ["images", "image"]]) {
        const known = [...new Set(jobs.map((job) => job[name]).filter(Boolean))].sort().slice(0, 100);
        const list = form.querySelector(`#${id}`);
        if (known.join("\n") === [...list.children].map((option) => option.value).join("\n")) continue;
        list.replaceChildren(...known.map((value) => el("option", { value })));
    }
}

function read(form) {
    const filter = new URLSearchParams();
    const status = [...form.querySelectorAll("[name=status]:checked")].map((input) => input.value);
    if (status.length) filter.set("status", status.join(","));
    for (const name of ["text", "owner", "image", "period"]) {
        const value = form.elements[name].value.trim();
        if (value) filter.set(name, value);
    }
    if (form.elements.kind.value !== "plugin") filter.set("kind", form.elements.kind.value);
    if (filter.get("period") === "between") {
        for (const name of ["since", "until"]) if (form.elements[name].value) filter.set(name, form.elements[name].value);
    }
    return filter;
}

function field(label, input, size = "") {
    return el("label", { class: `field ${size}` }, el("span", {}, label), input);
}

function choice(name, options, chosen) {
    const entries = Object.entries(options);
    entries.sort(([one], [other]) => (one === "" ? -1 : other === "" ? 1 : 0)); // numbers come first in objects
    return el("select", { name }, entries.map(([value, word]) => el("option", { value, selected: value === chosen }, word)));
}
