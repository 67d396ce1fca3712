"use strict";
// Sorts, finds and turns the pages of the table of calls. Text from conversations is only ever set as text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const table = document.querySelector("table.calls");
  if (!table) return;
  const body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells);
  const find = byId("find"), show = byId("show");
  let sorted = { field: "worst_negative", down: true }, chosen = data.calls, first = 0;

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
  const percent = (p) => (p > 0 && p < 0.005 ? "under 1 %" : Math.round(100 * p) + " %");
  const points = (p) => { const n = Math.round(100 * p); return (n < 0 ? "" : "+") + n; };
  const curve = (call) => (call.escalated ? "▲ " + points(call.escalation) + (call.recovered ? " ▼" : "") : "–");
  const shown = {
    worst_negative: percent, negative_share: percent, silence_share: percent, trend: points, duration_s: clock, utterances: String, interruptions: String, alerts: (n) => (n ? String(n) : "–"),
  };

  const row = (call) => {
    const line = make("tr"), name = make("th");
    name.scope = "row";
    const label = make("bdi", call.call);
    if (call.page) { const link = make("a"); link.href = call.page; link.append(label); name.append(link); } else name.append(label);
    line.append(name);
    for (const field of data.fields.slice(1)) {
      const cell = make("td");
      if (field === "" && call.worst_label !== undefined) {
        const small = make("small"), mood = make("span", undefined, "emotion");
        mood.append(make("i", undefined, "dot " + (data.css[call.worst_label] || "")), call.worst_label);
        small.append(mood, " · ", make("bdi", call.worst_speaker), call.worst_start_s === undefined ? "" : ", " + clock(call.worst_start_s));
        cell.append(make("bdi", call.said || "(no words)"), small);
      } else if (field === "escalation") cell.textContent = curve(call);
      else cell.textContent = field === "" || call[field] === undefined ? "–" : shown[field](call[field]);
      line.append(cell);
    }
    return line;
  };

  const draw = () => {
    body.replaceChildren(...chosen.slice(first, first + data.page).map(row));
    const last = Math.min(first + data.page, chosen.length);
    byId("pager").hidden = chosen.length <= data.page;
    byId("place").textContent = first + 1 + " to " + last + " of " + chosen.length;
    byId("before").disabled = first === 0;
    byId("after").disabled = last >= chosen.length;
    for (const [i, head] of heads.entries()) {
      if (data.fields[i] === sorted.field) head.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  };
  const collator = new Intl.Collator(undefined, { numeric: true });
  const order = () => {
    const { field, down } = sorted, sign = down ? -1 : 1;
    chosen.sort((a, b) => {
      const x = a[field], y = b[field];
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      return sign * (typeof x === "string" ? collator.compare(x, y) : x - y);
    });
  };
  const choose = () => {
    const words = find.value.trim().toLocaleLowerCase(), kind = show.value;
    chosen = data.calls.filter((call) => {
      if (kind === "alerts" ? !call.alerts : kind && !(call.escalated && (kind === "escalated" || !call.recovered))) return false;
      return !words || (call.call + " " + call.said + " " + (call.worst_speaker || "")).toLocaleLowerCase().includes(words);
    });
    byId("found").textContent = words || kind ? chosen.length + " of " + data.calls.length : "";
    first = 0;
    order();
    draw();
  };

  for (const [i, head] of heads.entries()) {
    const field = data.fields[i];
    if (!field) continue;
    const button = make("button", head.textContent);
    button.type = "button";
    button.addEventListener("click", () => {
      sorted = { field, down: sorted.field === field ? !sorted.down : field !== "call" };
      first = 0;
      order();
      draw();
    });
    head.replaceChildren(button);
  }
  find.addEventListener("input", choose);
  show.addEventListener("change", choose);
  const turn = (by) => { first += by; draw(); table.scrollIntoView({ block: "start" }); };
  byId("before").addEventListener("click", () => turn(-data.page));
  byId("after").addEventListener("click", () => turn(data.page));
  byId("tools").hidden = false;
  byId("static").hidden = true;
  draw();
})();
