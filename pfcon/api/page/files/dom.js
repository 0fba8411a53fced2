// Makes elements. Texts become text nodes, never markup: fields of jobs are hostile.

/** Return an element. properties: attributes; one that begins with `on` is a listener; false and null are left out. */
export function el(name, properties = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
        if (value === false || value === null || value === undefined) continue;
        if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
        else element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return element;
}

/** Return a text of others in an element of its own, so that its direction does not change the text around it. */
export function foreign(text, properties = {}) {
    return el("bdi", properties, text);
}

/** Return the pieces of a text in which `words in backticks` are code. */
export function withCode(text) {
    return text.split("`").map((part, number) => (number % 2 ? el("code", {}, part) : part));
}

export function byId(id) {
    return document.getElementById(id);
}

/** Tell a screen reader, and the eye for some seconds. */
export function announce(text) {
    const place = byId("messages");
    place.textContent = text;
    clearTimeout(announce.timer);
    announce.timer = setTimeout(() => place.replaceChildren(), 8000);
}

/** Call a function later, once for many calls within that time. milliseconds: of the wait after the first call. */
export function debounced(milliseconds, call) {
    let timer = null;
    return () => {
        timer ??= setTimeout(() => {
            timer = null;
            call();
        }, milliseconds);
    };
}
