// Times, sizes and states in words.

const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, {
    month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
// eslint-disable-next-line no-control-regex
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const NUMBER = new Intl.NumberFormat(undefined);

/** The words for users of each status, in the order of a job's life. */
export const STATUSES = {
    notStarted: "Waiting",
    started: "Running",
    finishedSuccessfully: "Succeeded",
    finishedWithError: "Failed",
    undefined: "Unknown",
};
export const KINDS = { plugin: "Plugin", copy: "Copy", upload: "Upload", delete: "Delete" };

/** Return whether a job has ended. An unknown state is the end only if a time of the end is recorded with it. */
export function isFinal({ status, finished }) {
    return status === "finishedSuccessfully" || status === "finishedWithError" || (status === "undefined" && Boolean(finished));
}

/** Return a text in which control characters, and what changes the direction of writing, can be seen. */
export function plain(text) {
    return text.replace(CONTROLS, "\ufffd");
}

/** Return the word and the class of a job's status. */
export function statusOf(job) {
    if (job.reason === "Cancelled" && job.status === "finishedWithError") return { word: "Cancelled", name: "cancelled" };
    return { word: STATUSES[job.status] ?? job.status, name: job.status };
}

export function time(text) {
    return text ? DAY_AND_TIME.format(new Date(text)) : "";
}

export function wholeTime(text) {
    return text ? WHOLE.format(new Date(text)) : "";
}

export function number(value) {
    return NUMBER.format(value);
}

/** Return a number of things: `1 file`, `1,200 files`. */
export function count(value, word, plural = `${word}s`) {
    return `${number(value)} ${value === 1 ? word : plural}`;
}

/** Return a size: `12.3 MB`. */
export function bytes(value) {
    if (value === null || value === undefined) return "";
    let size = value;
    for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
        if (size < 1000 || unit === "TB") return unit === "B" ? `${size} B` : `${size.toFixed(size < 10 ? 2 : 1)} ${unit}`;
        size /= 1000;
    }
    return "";
}

/** Return the milliseconds between two times; "" as the second one: until now. */
export function between(from, to) {
    return Math.max(0, (to ? Date.parse(to) : Date.now()) - Date.parse(from));
}

/** Return a duration: `40 ms`, `1.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`, `3 d 4 h`. */
export function duration(milliseconds) {
    const seconds = milliseconds / 1000;
    if (seconds < 0.9995) return `${Math.round(milliseconds)} ms`;
    if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const whole = Math.round(seconds);
    const first = units.findIndex(([, size]) => whole >= size);
    const [unit, size] = units[first];
    const [below, part] = units[first + 1] ?? ["", Infinity];
    const rest = Math.floor((whole % size) / part);
    return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${below}` : ""}`;
}
