// The view of the service: which parts work, how many jobs there are, what it is.

import { getJson, readiness } from "./api.js";
import { announce, el, foreign } from "./dom.js";
import { KINDS, number, STATUSES } from "./format.js";

const PERIOD = 10_000; // milliseconds
const PARTS = {
    records: "The database of the records",
    storebase: "The directory of the jobs' data",
    storage: "Where users' files are",
    engine: "What runs plugin jobs",
    operations: "What runs copy, upload and delete jobs",
    keeper: "The process that watches the jobs",
};

/** Show the service. signal: aborted at the end. */
export function showService(main, signal) {
    const lights = el("ul", { class: "lights" });
    const counts = el("div", {});
    const reasons = el("div", {});
    const about = el("dl", { class: "facts" });
    main.replaceChildren(
        el("div", { class: "title" }, el("h1", { tabindex: -1 }, "Service")),
        panel("parts-title", "Parts", lights),
        panel("counts-title", "Jobs", counts),
        panel("reasons-title", "Why jobs fail or wait", reasons),
        panel("about-title", "About", about,
            el("p", {}, el("a", { href: "api/v1/docs/" }, "The HTTP interface"), " · ", el("a", { href: "api/v1/openapi.json" }, "OpenAPI"))));

    async function read() {
        await Promise.all([
            readiness(signal).then((parts) => lights.replaceChildren(...Object.entries(parts).map(light)), (error) => failed(error, lights)),
            getJson("counts/", { signal }).then(({ counts: found }) => {
                counts.replaceChildren(countTable(found));
                reasons.replaceChildren(reasonTable(found));
            }, (error) => failed(error, counts)),
        ]);
    }
    function failed(error, place) {
        if (!signal.aborted) place.replaceChildren(el("p", { class: "empty" }, error.message));
    }
    read();
    getJson("pluginjobs/", { signal }).then((info) => about.replaceChildren(...infoItems(info)), (error) => {
        if (!signal.aborted) announce(error.message);
    });
    const timer = setInterval(() => document.hidden || read(), PERIOD);
    signal.addEventListener("abort", () => clearInterval(timer));
}

function panel(id, title, ...content) {
    return el("section", { class: "panel", "aria-labelledby": id }, el("h2", { id }, title), ...content);
}

function light([name, part]) {
    return el("li", { class: part.ok ? "ok" : "fault" },
        el("span", { class: "lamp", "aria-hidden": "true" }, part.ok ? "✓" : "✕"),
        el("strong", {}, name),
        el("span", {}, part.ok ? "works" : "does not work"),
        el("span", { class: "soft" }, PARTS[name] ?? ""),
        el("span", { class: "soft ms" }, `${number(part.ms)} ms`),
        part.ok ? "" : el("p", {}, foreign(part.message)));
}

function countTable(counts) {
    const sum = (kind, status) => counts.reduce((all, one) => (one.kind === kind && one.status === status ? all + one.number : all), 0);
    const total = (kind) => counts.reduce((all, one) => (one.kind === kind ? all + one.number : all), 0);
    const words = Object.entries(STATUSES);
    return el("div", { class: "wide", role: "region", "aria-label": "Numbers of jobs", tabindex: 0 }, el("table", {},
        el("caption", { class: "unseen" }, "Jobs by kind and status"),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Kind"),
            words.map(([, word]) => el("th", { scope: "col", class: "size" }, word)), el("th", { scope: "col", class: "size" }, "All"))),
        el("tbody", {}, Object.entries(KINDS).map(([kind, word]) => el("tr", {},
            el("th", { scope: "row" }, word),
            words.map(([status]) => el("td", { class: "size" }, numberLink(kind, status, sum(kind, status)))),
            el("td", { class: "size" }, number(total(kind))))))));
}

function numberLink(kind, status, value) {
    if (value === 0) return el("span", { class: "soft" }, "0");
    const filter = new URLSearchParams({ status, ...(kind === "plugin" ? {} : { kind }) });
    return el("a", { href: `#/jobs?${filter}`, "aria-label": `${number(value)} ${KINDS[kind]} jobs: ${STATUSES[status]}` }, number(value));
}

function reasonTable(counts) {
    const sums = new Map();
    for (const { reason, number: some } of counts) if (reason) sums.set(reason, (sums.get(reason) ?? 0) + some);
    if (!sums.size) return el("p", { class: "empty" }, "No job has failed.");
    return el("ul", { class: "reasons" }, [...sums].sort(([, one], [, other]) => other - one).map(([reason, some]) =>
        el("li", {}, el("code", {}, reason), " ", el("strong", {}, number(some)))));
}

const INFO = { server_version: "Version", container_env: "Engine", storage_env: "Storage", compute_volume_type: "Volume of storeBase" };

function infoItems(info) {
    return Object.entries(info).filter(([, value]) => typeof value === "string" && value).flatMap(([key, value]) => [
        el("dt", {}, INFO[key] ?? key), el("dd", {}, foreign(value))]);
}
