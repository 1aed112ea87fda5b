// Unpacks the page that an output of a notebook holds, and hands the layout engine to outputs that came without one.

import { unpacked } from "./unpack.js";

const WAIT = 1500; // milliseconds, after which the drawing is shown that needs no engine
const SLOWEST = 8000; // milliseconds between two questions for the engine
const wanted = document.documentElement.dataset.engine; // the SHA-256 of its text
const held = (id) => document.getElementById(id)?.textContent ?? "";
const text = (packed) => new TextDecoder().decode(unpacked(Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))));

/** All frames of the notebook and of what is around it; a script may ask each something, and nothing more. */
function* frames(around = window.top) {
  for (let i = 0; i < around.length; i++) {
    yield around[i];
    yield* frames(around[i]);
  }
}

/** Whether a text is the engine: by its hash, where the notebook came by a secure way; a page runs no other scripts at all. */
async function genuine(engine) {
  if (/<\/script/i.test(engine)) return false;
  if (!crypto.subtle) return true;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(engine)));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("") === wanted;
}

/** The engine of another output of the notebook, as soon as there is one. */
function borrowed() {
  return new Promise((done) => {
    const answered = async ({ data }) => {
      if (data?.archdsl !== "engine" || data.engine !== wanted || typeof data.packed !== "string") return;
      const engine = text(data.packed);
      if (!(await genuine(engine))) return;
      removeEventListener("message", answered);
      clearTimeout(asking);
      lend(data.packed);
      done(engine);
    };
    addEventListener("message", answered);
    let pause = 250;
    let asking;
    const ask = () => {
      for (const frame of frames()) frame.postMessage({ archdsl: "engine wanted", engine: wanted }, "*");
      asking = setTimeout(ask, (pause = Math.min(2 * pause, SLOWEST)));
    };
    ask();
  });
}

function lend(packed) {
  addEventListener("message", ({ data, source }) => {
    if (data?.archdsl === "engine wanted" && data.engine === wanted) source.postMessage({ archdsl: "engine", engine: wanted, packed }, "*");
  });
}

/** The network as a drawing, until the engine comes. */
function showDrawing() {
  const drawing = document.createElement("img");
  drawing.src = `data:image/svg+xml;utf8,${encodeURIComponent(text(held("drawing")))}`;
  drawing.alt = document.title;
  const note = document.createElement("p");
  note.textContent = "This is a drawing: the layout engine of the page is in another output of this notebook, which is not there. Run this cell again to have it here.";
  document.body.replaceChildren(note, drawing);
}

async function start() {
  const own = held("engine");
  const [page, waiting] = [text(held("page")), !own && held("drawing") && setTimeout(showDrawing, WAIT)];
  if (own) lend(own);
  const engine = own ? text(own) : await borrowed();
  clearTimeout(waiting);
  const frame = document.createElement("iframe");
  frame.title = document.title;
  frame.srcdoc = page.replace('id="engine">', (found) => found + engine);
  document.body.replaceChildren(frame);
}

start();
