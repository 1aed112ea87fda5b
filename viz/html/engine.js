// The layout engine, elkjs, at work beside the page so that zooming never waits for it.

import { byId } from "./dom.js";

/** A function from an ELK graph to a promise of the same graph with places. */
export function engine() {
  const worker = started();
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => {
    const { resolve, reject } = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) reject(new Error(data.error.message ?? String(data.error)));
    else resolve(data.data);
  };
  const ask = (message) =>
    new Promise((resolve, reject) => {
      waiting.set(++last, { resolve, reject });
      worker.postMessage({ ...message, id: last });
    });
  worker.onerror = (event) => {
    for (const { reject } of waiting.values()) reject(new Error(event.message));
    waiting.clear();
  };
  ask({ cmd: "register", algorithms: ["layered"] });
  return (graph) => ask({ cmd: "layout", graph, layoutOptions: {}, options: {} });
}

function started() {
  const text = byId("engine").textContent;
  try {
    return new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
  } catch {
    return inThisThread(text); // some hosts of notebooks allow a frame no workers
  }
}

/** The same engine without a worker: it exports a class that looks like one. The page's policy knows its text. */
function inThisThread(text) {
  window.module = { exports: {} };
  window.exports = window.module.exports;
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
  return new window.module.exports.Worker();
}
