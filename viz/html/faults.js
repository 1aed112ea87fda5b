// What is wrong with a broken spec: each fault whole, as a terminal shows it.

import { html } from "./dom.js";

/** The fault of a step; nothing for what is right. */
export function faultOf(item, page) {
  return (page.faults ?? []).find((fault) => page.items[fault.item] === item);
}

/** All that is said of a fault: the message, the lines of the spec, then notes, help and fix. */
export function faultDetails({ code, message, lines, notes, file, line }) {
  return [
    html("p", { class: "fault" }, message),
    ...(lines ? [html("pre", { class: "spec", "data-file": file, "data-line": line }, lines)] : []),
    ...notes.map(([kind, text]) => html("p", { class: `note ${kind}` }, html("b", {}, kind), ` ${text}`)),
    html("p", {}, `archdsl explain ${code} says more`),
  ];
}

/** All faults of a network: those of steps as links to them, whole those that no step shows. */
export function faultList(page, link, without) {
  const faults = (page.faults ?? []).filter((fault) => fault !== without);
  return faults.flatMap((fault) =>
    fault.item === undefined ? faultDetails(fault) : [html("p", { class: "fault" }, link(page.items[fault.item], fault.message))]);
}
