// Keeps the main part of a page up to date. Pages are whole without it.

// EventSource hands named events only to those who ask for the name.
const KINDS = [
  "message",
  "tenant_created", "first_member_reached", "first_transaction_reached",
  "checklist_opened", "checklist_completed", "checklist_reopened",
  "step_assigned", "step_started", "step_blocked", "step_unblocked", "step_due_changed", "step_noted",
  "step_completed", "step_skipped", "step_reopened", "gate_closed",
  "import_queued", "import_parsing", "import_preview", "import_loading", "import_completed", "import_failed",
  "import_cancelled", "import_rolling_back", "import_rolled_back", "import_mapping_deleted",
  "import_mapping_restored",
  "health_checked", "incident_opened", "incident_closed", "notification_channel_tested",
  "job_requested", "job_queued", "job_succeeded", "job_retrying", "job_failed", "job_retried",
  "job_cancel_requested", "job_cancelled",
];

// A burst of events is one refresh.
const PAUSE = 400;
// After a refused stream: milliseconds until it is asked for again, twice as many after each refusal.
const FIRST_WAIT = 2000;
const LONGEST_WAIT = 60000;

const live = document.getElementById("live");
let timer = 0;
let wanted = false;
let busy = false;

const main = () => document.getElementById("main");

function changed(field) {
  if (field instanceof HTMLSelectElement) {
    return [...field.options].some((option, at) =>
      option.selected !== (option.defaultSelected || (at === 0 && !field.querySelector("[selected]"))));
  }
  if (field.type === "file") return field.files.length > 0;
  return field.type !== "hidden" && "defaultValue" in field && field.value !== field.defaultValue;
}

// Whether a refresh would take something away from the person at the keyboard.
function editing() {
  const focused = document.activeElement;
  if (main().contains(focused) && focused.matches("input, select, textarea")) return true;
  return [...main().querySelectorAll("input, select, textarea")].some(changed);
}

async function refresh() {
  if (busy || document.hidden || editing()) {
    wanted = true;
    return;
  }
  busy = true;
  wanted = false;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin" });
    if (answer.redirected) {
      location.reload();
      return;
    }
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
    if (!next) return;
    if (editing()) {
      wanted = true;
      return;
    }
    replace(next);
  } catch {
    // The stream reports the same outage, and asks again when it is over.
  } finally {
    busy = false;
    if (wanted) soon();
  }
}

// Puts the new main part in place; what was unfolded, focused or scrolled to stays so.
function replace(next) {
  const old = main();
  const open = [...old.querySelectorAll("details[id][open]")].map((details) => details.id);
  const regions = (part) => [...part.querySelectorAll(".scroll[aria-label]")];
  const scrolled = regions(old).map((one) => [one.ariaLabel, one.scrollLeft, one.scrollTop]);
  const [left, top] = [scrollX, scrollY];
  const stops = "a[href], button, summary, [tabindex]";
  const focus = [...old.querySelectorAll(stops)].indexOf(document.activeElement);
  // What a refused form holds was chosen by somebody: it stays until it is sent again.
  for (const kept of old.querySelectorAll("[data-kept]")) {
    kept.querySelector("[role=alert]")?.removeAttribute("role");
    next.querySelector(`#${kept.id}`)?.replaceWith(kept);
  }
  old.replaceWith(document.adoptNode(next));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focus >= 0) next.querySelectorAll(stops)[focus]?.focus({ preventScroll: true });
  for (const [label, x, y] of scrolled) regions(next).find((one) => one.ariaLabel === label)?.scrollTo(x, y);
  scrollTo({ left, top, behavior: "instant" });
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

function later() {
  if (wanted) soon();
}

function say(state, word) {
  live.hidden = false;
  live.dataset.state = state;
  live.textContent = word;
}

// The answer to a refused form is a page at the form's address, where nothing can be read.
const home = main().dataset.address;
if (home && location.pathname !== home) history.replaceState(null, "", home);

const address = main().dataset.live;
let stream;
let lost = false;
let wait = FIRST_WAIT;

function listen() {
  stream = new EventSource(address);
  for (const kind of KINDS) stream.addEventListener(kind, soon);
  stream.addEventListener("open", () => {
    say("on", "Live");
    if (lost) soon();
    lost = false;
    wait = FIRST_WAIT;
  });
  stream.addEventListener("error", () => {
    lost = true;
    say("off", "Reconnecting");
    // A browser comes back by itself where the line broke, and not where the answer was a refusal.
    if (stream.readyState !== EventSource.CLOSED) return;
    say("off", "Not live");
    setTimeout(listen, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  });
}

if (address) {
  listen();
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  document.addEventListener("visibilitychange", later);
  document.addEventListener("focusout", later);
  document.addEventListener("reset", later);
}
