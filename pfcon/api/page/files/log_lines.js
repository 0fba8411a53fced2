// The lines of a log in the browser's memory: the newest ones, up to a limit.

const MOST = 50_000; // lines
const MOST_CHARACTERS = 20_000_000;
const LONGEST = 4_000; // characters of a line that are shown
const DROPPED = 0.2; // the share of the lines that is dropped when there are too many

// eslint-disable-next-line no-control-regex
const ESCAPES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])/g; // colours and titles of terminals
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g; // also what changes the direction

/** Return what is shown of a line. */
export function cleanLine(line) {
    const text = line.replace(/\r+$/, "").split("\r").pop().replace(ESCAPES, "").replace(CONTROLS, "\ufffd");
    return text.length > LONGEST ? `${text.slice(0, LONGEST)} … (cut off; save the log to see all)` : text;
}

/** Lines are objects {number, text, gap}: number counts from 1; gap: whether it stands for what is left out. */
export class LogLines {
    constructor() {
        this.lines = [];
        this.next = 1;
        this.characters = 0;
        this.dropped = 0; // lines
    }

    /** Add whole lines; a line without an end is one of them. */
    addText(text) {
        const lines = text.split("\n");
        if (lines.at(-1) === "") lines.pop();
        for (const line of lines) this.#add(cleanLine(line), false);
        this.#limit();
    }

    addGap(text) {
        this.#add(text, true);
    }

    #add(text, gap) {
        this.lines.push({ number: this.next++, text, gap });
        this.characters += text.length;
    }

    #limit() {
        if (this.lines.length <= MOST && this.characters <= MOST_CHARACTERS) return;
        const gone = this.lines.splice(0, Math.ceil(this.lines.length * DROPPED));
        this.dropped += gone.length;
        this.characters -= gone.reduce((sum, { text }) => sum + text.length, 0);
    }
}
