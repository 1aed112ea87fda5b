// Heat maps: how much of a figure each box has, as a colour; and the legend of whichever colours are shown.

import { html } from "./dom.js";
import { layersFor, times } from "./model.js";
import { amount, multiplied } from "./wording.js";

const STOPS = 5;
const HIDDEN = new Set(["input", "output", "merge"]); // known by their forms

/** What a box has of a figure: with all that it stands for while some runs are folded. */
export function share(item, heat, unfolded) {
  if (!heat) return heat;
  if (!heat.own || times(item, unfolded) === 1) return multiplied(item[heat.key], times(item, unfolded));
  // Equal groups may differ in what a reader has measured.
  const known = [...layersFor(item, unfolded)].map((layer) => layer[heat.key]).filter((one) => one !== undefined);
  return known.length ? known.reduce((sum, one) => sum + one, 0) : undefined;
}

/** The greatest amount; those that are unknown or depend on a symbol do not count, and less counts as more does. */
export function greatest(amounts) {
  return amounts.reduce((most, one) => Math.max(most, typeof one === "number" ? Math.abs(one) : 0), 0);
}

/** The fill and the text colour of an amount: of its square root, so that small ones differ as well. What is less than
    nothing, as a change can be, has colours of its own. */
export function shade(value, most, { signed, own }) {
  if (own && value === undefined) return { fill: "var(--paper)", text: "var(--ink)" }; // nobody has measured it
  if (typeof value !== "number") return null;
  if (signed && value === 0) return { fill: "var(--paper)", text: "var(--ink)" };
  const style = getComputedStyle(document.documentElement);
  const at = (most ? Math.sqrt(Math.abs(value) / most) : 0) * (STOPS - 1);
  const low = Math.min(Math.floor(at), STOPS - 2);
  const scale = value < 0 ? "cool" : "heat";
  const [a, b] = [low, low + 1].map((i) => channels(style.getPropertyValue(`--${scale}-${i}`).trim()));
  const mixed = a.map((channel, i) => Math.round(channel + (b[i] - channel) * (at - low)));
  return { fill: `rgb(${mixed.join(" ")})`, text: luminance(mixed) > 0.179 ? "#000000" : "#ffffff" };
}

function channels(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((c) => c / 255).map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The legend's entries, for what is shown: {sign, style, text}. */
export function entries({ boxes, frames, edges, unfolded }, { colours, devices, difference }, heat) {
  const items = [...boxes, ...frames];
  const found = [];
  if (!heat) {
    const used = new Set(boxes.map((item) => item.colour));
    colours.forEach((name, i) => {
      const status = difference ? ` ${difference.statuses[i].name}` : "";
      if (used.has(i) && !HIDDEN.has(name)) found.push({ sign: "fill", style: `c${i}${status}`, text: name });
    });
    if (!difference && boxes.some((item) => item.children.length)) found.push({ sign: "fill", style: "closed", text: "closed block" });
  }
  const placed = new Set(items.map((item) => item.device));
  devices.forEach((name, i) => {
    if (placed.has(i)) found.push({ sign: "device", style: `d${i}`, text: name });
  });
  if (edges.some((edge) => edge.crossing)) found.push({ sign: "thick", style: "", text: "between devices" });
  if (items.some((item) => item.run && !unfolded.has(item))) found.push({ sign: "stack", style: "", text: "occurs more than once" });
  if (items.some((item) => item.train)) found.push({ sign: "dashed", style: "", text: "training only" });
  if (items.some((item) => item.shared)) found.push({ sign: "double", style: "", text: "shared weights, used again" });
  return found;
}

/** Shows a legend: what a heat map's colours mean for these amounts, then the entries. */
export function showLegend(place, found, heat, amounts) {
  const scale = heat ? heatScale(heat, amounts) : [];
  place.replaceChildren(...scale, ...found.map(({ sign, style, text }) => html("span", {}, html("i", { class: `${sign} ${style}` }), text)));
  place.hidden = !place.children.length;
}

function heatScale(heat, amounts) {
  const most = greatest(amounts);
  const ends = heat.signed
    ? [amount(-most, heat), html("i", { class: "scale cool" }), html("i", { class: "scale" }), amount(most, heat)]
    : ["0", html("i", { class: "scale" }), amount(most, heat)];
  const unknown = amounts.some((one) => one !== undefined && typeof one !== "number");
  const missing = heat.own && amounts.some((one) => one === undefined);
  return [
    html("span", {}, `${heat.name}: `, ...ends),
    ...(missing ? [html("span", {}, html("i", {}), "no value")] : []),
    ...(unknown ? [html("span", {}, "uncoloured: not known without a value for a symbol")] : []),
  ];
}

/** The legend's sign as it looks now, for a file. */
export function swatch(legend, { sign, style }) {
  const found = legend.querySelector(`.${[sign, ...style.split(" ")].filter(Boolean).join(".")}`);
  const looks = getComputedStyle(found);
  return {
    fill: looks.backgroundColor,
    stroke: sign === "thick" ? looks.borderTopColor : looks.borderLeftColor,
    "stroke-width": sign === "device" ? 2.2 : 1,
    ...(sign === "dashed" ? { "stroke-dasharray": "4 3" } : {}),
  };
}
