// Login, the views, and the state of the service in the head of the page.

import { login, readiness } from "./api.js";
import { byId } from "./dom.js";
import { showJob } from "./job.js";
import { showJobs } from "./jobs.js";
import { Live } from "./live.js";
import { showService } from "./service.js";
import * as session from "./session.js";

const READY_PERIOD = 15_000; // milliseconds

const live = new Live(showLive);
const [main, door, form] = ["main", "login", "login-form"].map(byId);
let view = null; // the AbortController of what is shown

/** Show what the address names: #/jobs, #/jobs?filter, #/jobs/JID, #/service. */
function route() {
    view?.abort();
    const loggedIn = session.token() !== null;
    byId("skip").href = loggedIn ? "#main" : "#login";
    door.hidden = loggedIn;
    for (const element of document.querySelectorAll("[data-private]")) element.hidden = !loggedIn;
    if (!loggedIn) {
        main.replaceChildren();
        byId("login-notice").textContent = session.reasonOfEnd();
        document.title = "Log in · pfcon";
        form.elements.user.focus();
        return;
    }
    view = new AbortController();
    const [path, ...rest] = location.hash.slice(1).split("?");
    const [, name = "jobs", jid] = path.split("/");
    for (const link of document.querySelectorAll("nav a")) {
        if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    if (name === "service") showService(main, view.signal);
    else if (jid) showJob(main, decoded(jid), live, view.signal);
    else showJobs(main, new URLSearchParams(rest.join("?")), live, view.signal);
    const title = main.querySelector("h1");
    document.title = `${title.textContent} · pfcon`;
    title.focus({ preventScroll: true });
    scrollTo(0, 0);
}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

function showLive(works) {
    const state = byId("live");
    show(state, works ? "live" : "", works ? "Live" : "Not live");
    state.title = works ? "Changes are shown as they happen." : "Changes are shown some seconds later.";
}

async function showReady() {
    if (document.hidden || session.token() === null) return;
    const light = byId("ready");
    try {
        const broken = Object.entries(await readiness()).filter(([, part]) => !part.ok).map(([name]) => name);
        show(light, broken.length ? "fault" : "ok", broken.length ? `Not working: ${broken.join(", ")}` : "All parts work");
    } catch (error) {
        show(light, "fault", error.message);
    }
}

/** Show a text if it is another one: a screen reader reads it each time that it is set. */
function show(element, style, text) {
    element.className = style;
    if (element.textContent !== text) element.textContent = text;
}

async function submit(event) {
    event.preventDefault();
    const fault = byId("login-fault");
    const button = form.querySelector("button");
    fault.textContent = "";
    byId("login-notice").textContent = "";
    button.disabled = true;
    try {
        await login(form.elements.user.value, form.elements.password.value);
    } catch (error) {
        fault.textContent = error.message;
        form.elements.password.select();
        return;
    } finally {
        button.disabled = false;
    }
    form.elements.password.value = "";
    begin();
}

function begin() {
    live.start();
    showReady();
    route();
}

session.onEnd(() => {
    live.stop();
    route();
});
form.addEventListener("submit", submit);
byId("logout").addEventListener("click", () => session.end("You have logged out."));
byId("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address is that of a view
    (door.hidden ? main.querySelector("h1") : form.elements.user).focus();
});
addEventListener("hashchange", route);
addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(showReady, READY_PERIOD);
if (session.token() === null) route();
else begin();
