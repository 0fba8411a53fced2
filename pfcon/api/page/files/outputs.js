// The files that a job has written.

import { getJson, jobPath, save } from "./api.js";
import { announce, el, foreign } from "./dom.js";
import { bytes, count, plain } from "./format.js";

/** Return the section, and what reads the list anew. */
export function outputsSection(jid, signal) {
    const content = el("div", { class: "outputs" });
    const button = el("button", { type: "button", hidden: true, onclick: () => download(jid, button, signal) }, "Download as zip");
    const section = el("section", { class: "panel", "aria-labelledby": "outputs-title" },
        el("div", { class: "bar-of-log" }, el("h2", { id: "outputs-title" }, "Outputs"), button), content);

    async function read() {
        try {
            const outputs = await getJson(jobPath("pluginjobs", jid, "outputs/"), { signal });
            button.hidden = !outputs.zip || outputs.files.length === 0;
            content.replaceChildren(...shown(outputs));
        } catch (error) {
            if (signal.aborted) return;
            button.hidden = true;
            content.replaceChildren(el("p", { class: "empty" }, error.status === 404 ? "There are no outputs yet." : error.message));
        }
    }
    return { section, read };
}

function shown({ files, more, path }) {
    const place = path && el("p", {}, "In ", el("code", {}, foreign(plain(path))), " of the users' files.");
    if (!files.length) return [place, el("p", { class: "empty" }, "There are no output files.")].filter(Boolean);
    const sum = files.reduce((total, file) => total + file.bytes, 0);
    const caption = more ? `${count(files.length, "file")}; there are more` : `${count(files.length, "file")}, ${bytes(sum)}`;
    const table = el("table", {},
        el("caption", {}, caption),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "File"), el("th", { scope: "col", class: "size" }, "Size"))),
        el("tbody", {}, files.map((file) => el("tr", {},
            el("td", {}, foreign(plain(file.path))), el("td", { class: "size" }, bytes(file.bytes))))));
    return [place, el("div", { class: "files", tabindex: 0, role: "region", "aria-label": "Output files" }, table)].filter(Boolean);
}

async function download(jid, button, signal) {
    const word = button.textContent;
    button.disabled = true;
    try {
        const onBytes = (size) => (button.textContent = `Downloading… ${bytes(size)}`);
        await save(jobPath("pluginjobs", jid, "file/"), `${jid}.zip`, { onBytes, signal });
    } catch (error) {
        if (!signal.aborted) announce(`The outputs can't be downloaded: ${error.message}`);
    } finally {
        button.disabled = false;
        button.textContent = word;
    }
}
