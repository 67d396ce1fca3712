"use strict";
// What the page can do besides being read: look at one utterance, find, listen. Text from the conversation is only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const list = byId("talk"), detail = byId("detail"), tracks = byId("tracks"), audio = byId("audio"), head = byId("head");
  if (!list) return;
  const items = Array.from(list.children);
  const blocks = new Map();
  for (const block of tracks.querySelectorAll("rect[data-i]")) blocks.set(Number(block.dataset.i), block);
  let at = -1, lit = null, playing = -1;

  const make = (name, text, css) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (css) element.className = css;
    return element;
  };
  const clock = (s) => {
    const whole = Math.floor(s), hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return (hours ? hours + ":" + String(minutes).padStart(2, "0") : minutes) + ":" + String(whole % 60).padStart(2, "0");
  };

  // The utterance that is looked at ------------------------------------------------------------------------------------
  const look = (i) => {
    const row = data.rows[i];
    if (!row) return;
    const title = make("h3");
    title.append(make("bdi", row.n));
    const when = row.s === null ? "utterance " + (i + 1) : clock(row.s) + (row.e === null ? "" : " to " + clock(row.e));
    const parts = [title, make("span", row.r ? row.r + ", " + when : when, "soft")];
    const channels = Object.keys(data.labels).filter((name) => row.p[name]);
    if (channels.length) parts.push(chart(row, channels));
    if (row.set.length > 1) parts.push(make("p", "Could as well be: " + row.set.filter((label) => label !== row.l).join(", ") + "."));
    if (row.u && row.l) parts.push(make("p", "Too unsure to act on."));
    if (row.d !== null) {
      const side = row.d < 0 ? "below" : "above";
      parts.push(make("p", "Curve " + Math.abs(Math.round(100 * row.d)) + " points " + side + " the mean of what they said before."));
    }
    if (row.w) parts.push(make("p", row.l ? "Why: " + row.w + "." : "Not scored: " + row.w + "."));
    detail.replaceChildren(...parts);
  };
  const chart = (row, channels) => {
    const table = make("table"), top = table.createTHead().insertRow(), body = table.createTBody();
    top.append(make("th", ""));
    for (const name of channels) { const cell = make("th", name); cell.scope = "col"; cell.title = name; top.append(cell); }
    const last = channels[channels.length - 1];
    const labels = [...new Set(channels.flatMap((name) => data.labels[name]))];
    const value = (name, label) => row.p[name][data.labels[name].indexOf(label)];
    labels.sort((a, b) => (value(last, b) ?? -1) - (value(last, a) ?? -1));
    for (const label of labels) {
      const line = body.insertRow(), name = make("th");
      name.scope = "row";
      name.append(make("i", undefined, "dot " + (data.css[label] || "")), label);
      line.append(name);
      for (const channel of channels) {
        const p = value(channel, label), cell = make("td", p === undefined ? "–" : (p / 10).toFixed(0));
        if (p !== undefined) { const bar = make("i", undefined, data.css[label] || ""); bar.style.width = "calc(" + p / 1000 + " * (100% - .4rem))"; cell.append(bar); }
        line.append(cell);
      }
    }
    const caption = make("caption", "Probabilities in percent");
    caption.className = "soft";
    table.prepend(caption);
    return table;
  };

  const select = (i, focus) => {
    if (!items[i]) return;
    if (at >= 0) { items[at].classList.remove("on"); items[at].tabIndex = -1; }
    if (lit) lit.classList.remove("on");
    at = i;
    items[i].classList.add("on");
    items[i].tabIndex = 0;
    lit = blocks.get(i) || null;
    if (lit) lit.classList.add("on");
    look(i);
    if (focus) detail.classList.add("asked");
    if (focus) { items[i].focus({ preventScroll: true }); items[i].scrollIntoView({ block: "nearest" }); }
  };
  const step = (by, flagged) => {
    for (let i = (at < 0 && by > 0 ? -1 : at) + by; i >= 0 && i < items.length; i += by) {
      const flags = items[i].dataset.f;
      if (!items[i].hidden && (!flagged || flags.includes("event") || flags.includes("against"))) return select(i, true);
    }
  };

  // Pointing and keys --------------------------------------------------------------------------------------------------
  const indexOf = (target) => { const found = target.closest("[data-i]"); return found ? Number(found.dataset.i) : -1; };
  for (const place of [list, tracks]) {
    place.addEventListener("pointerover", (event) => { const i = indexOf(event.target); if (i >= 0) look(i); });
    place.addEventListener("pointerleave", () => { if (at >= 0) look(at); });
  }
  list.addEventListener("focusin", (event) => { const i = indexOf(event.target); if (i >= 0 && i !== at) select(i, false); });
  list.addEventListener("click", (event) => {
    const i = indexOf(event.target), time = event.target.closest(".time");
    if (i < 0) return;
    if (time) { event.preventDefault(); if (audio) play(i); }
    select(i, false);
    detail.classList.add("asked"); // on a narrow screen it covers part of the list
    items[i].scrollIntoView({ block: "nearest" });
  });
  tracks.addEventListener("click", (event) => {
    const i = indexOf(event.target);
    if (i < 0) return;
    select(i, false);
    items[i].scrollIntoView({ block: "center" });
    if (audio && !audio.paused) play(i);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, button, audio, a")) return;
    const inList = list.contains(event.target), key = event.key;
    if (key === "j" || (inList && key === "ArrowDown")) step(1, false);
    else if (key === "k" || (inList && key === "ArrowUp")) step(-1, false);
    else if (key === "Escape") detail.classList.remove("asked");
    else if (key === "n") step(1, true);
    else if (key === "p") step(-1, true);
    else if (inList && key === "Home") { at = -1; step(1, false); }
    else if (inList && key === "End") { at = items.length; step(-1, false); }
    else if (audio && key === " " && (inList || !audio.paused)) { if (audio.paused) play(at); else audio.pause(); }
    else return;
    event.preventDefault();
  });
  const target = () => { const found = /^#u(\d+)$/.exec(location.hash); if (found) select(Number(found[1]), true); };
  addEventListener("hashchange", target);

  // Finding ------------------------------------------------------------------------------------------------------------
  const find = byId("find"), show = byId("show"), found = byId("found");
  byId("tools").hidden = false;
  const filter = () => {
    const words = find.value.trim().toLocaleLowerCase(), kind = show.value;
    let count = 0;
    for (const item of items) {
      const fits = (!kind || item.dataset.f.split(" ").includes(kind)) && (!words || item.textContent.toLocaleLowerCase().includes(words));
      item.hidden = !fits;
      count += fits;
    }
    found.textContent = words || kind ? count + " of " + items.length : "";
  };
  find.addEventListener("input", filter);
  show.addEventListener("change", filter);

  // Listening ----------------------------------------------------------------------------------------------------------
  const play = (i) => {
    const row = data.rows[i];
    if (row && row.s !== null) audio.currentTime = Math.max(row.s, 0);
    audio.play().catch(() => { byId("silent").hidden = false; });
  };
  if (audio) {
    document.body.classList.add("heard");
    const timed = data.rows.map((row, i) => [row.s, i]).filter(([s]) => s !== null).sort((a, b) => a[0] - b[0]);
    const length = Math.max(...data.rows.map((row) => row.e || 0), 0);
    audio.addEventListener("error", () => { byId("silent").hidden = false; });
    audio.addEventListener("timeupdate", () => {
      const now = audio.currentTime;
      let low = 0, high = timed.length;
      while (low < high) { const middle = (low + high) >> 1; if (timed[middle][0] <= now) low = middle + 1; else high = middle; }
      const i = low ? timed[low - 1][1] : -1;
      head.hidden = false;
      head.style.setProperty("--at", Math.min(now / (data.length || length || 1), 1));
      if (i === playing) return;
      if (items[playing]) items[playing].classList.remove("now");
      playing = i;
      if (!items[i]) return;
      items[i].classList.add("now");
      if (!audio.paused && byId("follow").checked) { select(i, false); items[i].scrollIntoView({ block: "nearest" }); }
    });
  }
  if (location.hash) target();
  if (at < 0) { const first = items.findIndex((item) => item.dataset.f.includes("event")); select(Math.max(first, 0), false); }
})();
