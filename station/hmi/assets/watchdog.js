// The clock is sent anew every second. Once it stands still the page hears nothing any more, and
// what it shows is of the past: cover it, whatever the reason.
(() => {
  const PATIENCE_MS = 4000;
  const cover = document.createElement("div");
  cover.className = "cut-off";
  cover.hidden = true;
  for (const [name, text] of [
    ["word", "NO CONNECTION"],
    ["text", "This page does not hear the station. What it showed last is not true any more."],
    ["facts", "It connects again by itself. If it stays like this: check the network, or start the station again."],
  ]) {
    const line = document.createElement("div");
    line.className = name;
    line.textContent = text;
    cover.append(line);
  }
  document.body.append(cover);
  let shown = "";
  let since = performance.now();
  setInterval(() => {
    const clock = document.getElementById("clock")?.textContent ?? "";
    if (clock !== shown) {
      shown = clock;
      since = performance.now();
    }
    cover.hidden = performance.now() - since < PATIENCE_MS;
  }, 500);
})();
