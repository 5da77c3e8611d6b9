// Moves the bar of an import while it is read or stored. The page says the same without it, after a refresh.

const ENDED = ["completed", "failed", "cancelled", "rolled_back"];
const address = document.getElementById("main").dataset.progress;

const digits = new Intl.NumberFormat("fr-FR");

function show(now) {
  const bar = document.getElementById("progress");
  const words = document.getElementById("progress-words");
  // The page that shows another state has no bar, and is on its way where it should have one.
  if (!bar || !words || now.total === null) return;
  bar.max = now.total || 1;
  bar.value = now.done;
  words.textContent = `${digits.format(now.done)} of ${digits.format(now.total)} ${now.unit}`;
}

if (address) {
  const stream = new EventSource(address);
  stream.addEventListener("progress", (event) => {
    const now = JSON.parse(event.data);
    show(now);
    // The server has nothing more to say; a browser would ask again for ever.
    if (ENDED.includes(now.state)) stream.close();
  });
  addEventListener("pagehide", () => stream.close());
}
