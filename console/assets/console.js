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
  "health_checked",
  "job_requested", "job_queued", "job_succeeded", "job_retrying", "job_failed", "job_retried",
  "job_cancel_requested", "job_cancelled",
];

// A burst of events is one refresh.
const PAUSE = 400;

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

// Puts the new main part in place; what was unfolded or focused stays so.
function replace(next) {
  const old = main();
  const open = [...old.querySelectorAll("details[id][open]")].map((details) => details.id);
  const stops = "a[href], button, summary, [tabindex]";
  const focus = [...old.querySelectorAll(stops)].indexOf(document.activeElement);
  old.replaceWith(document.adoptNode(next));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focus >= 0) next.querySelectorAll(stops)[focus]?.focus({ preventScroll: true });
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

const address = main().dataset.live;
if (address) {
  let lost = false;
  const stream = new EventSource(address);
  for (const kind of KINDS) stream.addEventListener(kind, soon);
  stream.addEventListener("open", () => {
    say("on", "Live");
    if (lost) soon();
    lost = false;
  });
  stream.addEventListener("error", () => {
    lost = true;
    say("off", stream.readyState === EventSource.CLOSED ? "Not live" : "Reconnecting");
  });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  document.addEventListener("visibilitychange", later);
  document.addEventListener("focusout", later);
  document.addEventListener("reset", later);
}
