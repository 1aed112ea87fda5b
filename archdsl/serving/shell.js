// Shows one page after the other as the spec changes, each where the one before was left; and what is wrong meanwhile.

const byId = (id) => document.getElementById(id);
const pages = byId("pages");
let shown = null; // the frame that a reader sees
let number = 0; // of the page in it
let waiting = null; // the frame of a newer page, and its number
let coming = 0;

/** Loads a page beside the one that is shown, hands it what was open, and puts it in its place. */
async function showPage(wanted) {
  waiting?.remove(); // a newer page makes an older one void
  coming = wanted;
  const frame = (waiting = document.createElement("iframe"));
  frame.className = "next";
  frame.title = "The network";
  frame.src = `page?${wanted}`;
  pages.append(frame);
  if (!(await ready(frame))) return;
  const inner = frame.contentWindow;
  inner.document.documentElement.classList.add("served");
  inner.document.addEventListener("click", ({ target }) => {
    const place = target.closest?.("h3[data-line]");
    if (place) open(place.dataset.file, Number(place.dataset.line));
  });
  const before = shown?.contentWindow.archdsl?.left();
  if (before) await inner.archdsl.resume(before);
  if (!frame.isConnected) return;
  frame.className = "";
  shown?.remove();
  [shown, number, waiting] = [frame, wanted, null];
  document.documentElement.dataset.page = String(wanted);
}

/** Whether a frame's page got ready; not where the frame was taken away before. */
function ready(frame) {
  return new Promise((done) => {
    const look = () => {
      if (!frame.isConnected) done(false);
      else if (frame.contentDocument?.documentElement?.dataset.ready) done(true);
      else setTimeout(look, 15);
    };
    look();
  });
}

async function post(path, body) {
  const answer = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

/** Opens a line of the spec in the reader's editor. */
async function open(file, line) {
  const { address } = await post("open", { file, line });
  if (address) location.href = address;
}

function showFaults(faults) {
  document.body.classList.toggle("broken", faults.length > 0);
  byId("faults").hidden = faults.length === 0;
  byId("faults").replaceChildren(...faults.flatMap(({ text, file, line }) => {
    const said = document.createElement("pre");
    said.textContent = text;
    if (file === null || line === null) return [said];
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `Open ${file}:${line}`;
    button.addEventListener("click", () => open(file, line));
    return [button, said];
  }));
}

/** A field for each setting: whole numbers have a slider, too. */
function showSettings(settings) {
  const form = byId("settings");
  form.hidden = settings.length === 0;
  if (form.contains(document.activeElement) && form.children.length === settings.length) return; // in the reader's hand
  form.replaceChildren(...settings.map(({ name, value }) => {
    const label = document.createElement("label");
    const set = (value) => post("setting", { name, value }).catch(() => {});
    if (typeof value === "boolean") label.append(field("checkbox", { checked: value }, ({ checked }) => set(checked)));
    else if (typeof value === "string") label.append(field("text", { value }, ({ value }) => set(value)));
    else label.append(...numbers(name, value, set));
    label.prepend(name);
    return label;
  }));
}

function field(type, properties, changed, on = "change") {
  const input = Object.assign(document.createElement("input"), { type, ...properties });
  input.addEventListener(on, () => changed(input));
  return input;
}

function numbers(name, value, set) {
  const whole = Number.isInteger(value);
  const number = field("number", { value, step: whole ? 1 : "any", name }, (input) => send(input.valueAsNumber));
  const most = Math.max(2 * Math.abs(value), whole ? 8 : 1);
  const slider = field("range", { min: 0, max: most, step: whole ? 1 : most / 100, value, ariaLabel: name }, (input) => send(input.valueAsNumber), "input");
  let waiting;
  const send = (to) => {
    if (!Number.isFinite(to)) return;
    [number.value, slider.value] = [to, to];
    clearTimeout(waiting);
    waiting = setTimeout(() => set(to), 60); // a slider that is drawn says much
  };
  slider.min = whole ? Math.min(1, value) : Math.min(0, value);
  return [slider, number];
}

const events = new EventSource("events");
events.addEventListener("message", ({ data }) => {
  const state = JSON.parse(data);
  byId("gone").hidden = true;
  document.title = state.title;
  showFaults(state.faults);
  showSettings(state.settings);
  document.documentElement.dataset.version = String(state.version);
  if (state.page > 0 && state.page !== number && state.page !== coming) showPage(state.page);
});
events.addEventListener("error", () => (byId("gone").hidden = false));
