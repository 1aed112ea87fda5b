// The drawing as an SVG file of its own: everything that is open, with its colours and legend written out.

import { svg } from "./dom.js";
import { amount } from "./wording.js";

const STROKE = ["stroke", "stroke-width", "stroke-dasharray", "stroke-linejoin", "paint-order"];
const FONT_STYLE = ["font-size", "font-weight", "text-anchor"];
const FAMILY = "'Liberation Sans', Arial, Helvetica, sans-serif";
const KEPT = new Set(["d", "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "ry", "cx", "cy", "r", "dx", "points", "transform"]);
const HEADING = 34;
const ROW = 18;

/** The text of a file that shows what a drawing's element holds. */
export function asFile(world, layout, { title, entries, heat, most }) {
  const width = Math.ceil(Math.max(layout.width, 320));
  const legend = legendRows(entries, heat, most, width);
  const height = Math.ceil(layout.height + HEADING + legend.height);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const letters = { "font-family": FAMILY, fill: colour("ink") };
  const body = plainCopy(world);
  body.setAttribute("font-family", FAMILY);
  body.setAttribute("transform", `translate(${(width - layout.width) / 2} ${HEADING})`);
  legend.element.setAttribute("transform", `translate(0 ${HEADING + layout.height})`);
  for (const [name, value] of Object.entries(letters)) legend.element.setAttribute(name, value);
  const file = svg(
    "svg", { width, height, viewBox: `0 0 ${width} ${height}` },
    svg("rect", { width: "100%", height: "100%", fill: colour("paper") }),
    svg("text", { ...letters, x: 14, y: 24, "font-size": 15, "font-weight": "bold" }, title),
    body,
    legend.element,
  );
  return written(file);
}

/** The text of a file that shows a picture, whose title and legend are in it; but for that of heat, which is added. */
export function pictureFile(world, { width, height }, { entries, heat, most }) {
  const legend = legendRows(entries, heat, most, width);
  const body = plainCopy(world);
  body.setAttribute("font-family", FAMILY);
  body.removeAttribute("transform");
  const style = getComputedStyle(document.documentElement);
  const [paper, ink] = ["--paper", "--ink"].map((name) => style.getPropertyValue(name).trim());
  const added = { transform: `translate(0 ${height})`, "font-family": FAMILY, fill: ink };
  for (const [name, value] of Object.entries(added)) legend.element.setAttribute(name, value);
  const whole = height + (heat ? legend.height : 0);
  const size = { width, height: whole, viewBox: `0 0 ${width} ${whole}` };
  return written(svg("svg", size, svg("rect", { width: "100%", height: "100%", fill: paper }), body, heat ? legend.element : null));
}

function written(file) {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${new XMLSerializer().serializeToString(file)}\n`;
}

/** A copy that keeps its looks without the page's style sheet, and nothing that only the page needs. */
function plainCopy(element) {
  const copy = svg(element.tagName);
  for (const { name, value } of element.attributes) if (KEPT.has(name)) copy.setAttribute(name, value);
  if (element.tagName !== "g" && element.tagName !== "title") {
    const style = getComputedStyle(element);
    const names = ["fill", "fill-opacity"];
    if (style.stroke !== "none") names.push(...STROKE);
    if (element.tagName === "text" || element.tagName === "tspan") names.push(...FONT_STYLE);
    for (const name of names) {
      const value = style.getPropertyValue(name);
      if (!["", "normal", "1", "none"].includes(value) || name === "fill") copy.setAttribute(name, value);
    }
  }
  for (const child of element.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.data);
    else if (!child.classList.contains("zone") && !child.hasAttribute("hidden")) copy.append(plainCopy(child));
  }
  return copy;
}

function legendRows(entries, heat, most, width) {
  const element = svg("g");
  let [x, y] = [14, ROW];
  const put = (text, ...signs) => {
    const across = text.length * 5.6 + 40;
    if (x > 14 && x + across > width) [x, y] = [14, y + ROW];
    element.append(svg("g", { transform: `translate(${x} ${y})` }, ...signs, svg("text", { x: 22, y: 0, "font-size": 11 }, text)));
    x += across;
  };
  if (heat) put(`${heat.name}, at most ${amount(most, heat)}`);
  for (const { text, swatch } of entries) {
    put(text, svg("rect", { x: 0, y: -9, width: 16, height: 10, rx: 2, ...swatch }));
  }
  return { element, height: y + ROW };
}

/** Hands a text to the reader as a file. */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "image/svg+xml" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
