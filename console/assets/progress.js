// Moves the bar of an import while it is read or stored. The page says the same without it, after a refresh.

// Here the server has nothing more to say, or not before somebody does something, which brings another page.
const RESTS = ["preview", "completed", "failed", "cancelled", "rolled_back"];

const digits = new Intl.NumberFormat("fr-FR");
// After a refused stream: milliseconds until it is asked for again, twice as many after each refusal.
const FIRST_WAIT = 1000;
const LONGEST_WAIT = 30000;

let stream;
let wait = FIRST_WAIT;
let waiting = 0;

function show(now) {
  const bar = document.getElementById("progress");
  const words = document.getElementById("progress-words");
  if (!bar || !words || now.total === null) return;
  bar.max = now.total || 1;
  bar.value = now.done;
  words.textContent = `${digits.format(now.done)} of ${digits.format(now.total)} ${now.unit}`;
}

// Only while there is a bar: a browser has few connections for all of its tabs.
function follow() {
  const address = document.getElementById("main")?.dataset.progress;
  if (stream || waiting || !address || !document.getElementById("progress")) return;
  stream = new EventSource(address);
  stream.addEventListener("progress", (event) => {
    wait = FIRST_WAIT;
    const now = JSON.parse(event.data);
    show(now);
    if (RESTS.includes(now.state)) {
      stream.close();
      stream = undefined;
    }
  });
  stream.addEventListener("error", () => {
    // A browser comes back by itself where the line broke, and not where the answer was a refusal.
    if (stream?.readyState !== EventSource.CLOSED) return;
    stream = undefined;
    waiting = setTimeout(() => {
      waiting = 0;
      follow();
    }, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT);
  });
}

follow();
// The main part is replaced when something happens to the tenant.
new MutationObserver(follow).observe(document.body, { childList: true });
addEventListener("pagehide", () => stream?.close());
