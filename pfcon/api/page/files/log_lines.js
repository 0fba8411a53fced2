// The lines of a log in the browser's memory: the newest ones, up to a limit.

import { plain } from "./format.js";

const MOST = 50_000; // lines
const MOST_CHARACTERS = 20_000_000;
const LONGEST = 4_000; // characters of a line that are shown
const DROPPED = 0.2; // the share of the lines that is dropped when there are too many

// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g; // colours and titles of terminals

/** Return what is shown of a line. */
export function cleanLine(line) {
    const text = line.replace(/\r+$/, "").split("\r").pop().replace(ESCAPES, "").split("\t").map(plain).join("\t");
    return text.length > LONGEST ? `${text.slice(0, LONGEST)} … (cut off; save the log to see all)` : text;
}

/**
 * Lines are objects {key, number, text, gap}: number counts from 1; gap: whether it stands for what is left out, and has
 * no number. Neither they nor their list are changed: what differs is another one.
 */
export class LogLines {
    constructor() {
        this.lines = [];
        this.key = 0;
        this.number = 0; // of the last line
        this.open = false; // whether the last line goes on in the next text
        this.characters = 0;
        this.dropped = 0; // lines
    }

    /** Add lines. One without an end goes on in the next text. */
    addText(text) {
        if (text === "") return;
        const lines = text.split("\n");
        const open = lines.at(-1) !== "";
        if (!open) lines.pop();
        if (this.open && lines.length) this.#continue(lines.shift());
        this.#add(lines.map((line) => this.#made(cleanLine(line), ++this.number, false)));
        this.open = open;
    }

    /** Add what stands for bytes that are left out. A line that was not at its end goes on after it as another one. */
    addGap(text) {
        this.#add([this.#made(text, this.number, true)]);
        this.open = false;
    }

    #continue(rest) {
        const last = this.lines.at(-1);
        if (last.text.length > LONGEST) return; // it is cut off already
        const text = cleanLine(last.text + rest);
        this.characters += text.length - last.text.length;
        this.lines = [...this.lines.slice(0, -1), { ...last, text }];
    }

    #made(text, number, gap) {
        this.characters += text.length;
        return { key: ++this.key, number, text, gap };
    }

    #add(lines) {
        this.lines = this.lines.concat(lines);
        this.#limit();
    }

    #limit() {
        if (this.lines.length <= MOST && this.characters <= MOST_CHARACTERS) return;
        const some = Math.ceil(this.lines.length * DROPPED);
        const gone = this.lines.slice(0, some);
        this.lines = this.lines.slice(some);
        this.dropped += gone.filter(({ gap }) => !gap).length;
        this.characters -= gone.reduce((sum, { text }) => sum + text.length, 0);
    }
}
