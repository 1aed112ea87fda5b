// Numbers as people read them. A figure that is not known is "?", one that depends on a symbol is its formula.

const UNITS = [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]];

/** An amount of a figure of the page: three digits, or all that are known. */
export function amount(number, { unit, signed, of }, full = false) {
  if (signed && typeof number === "number" && number !== 0) {
    return (number < 0 ? "−" : "+") + amount(Math.abs(number), { unit, of }, full);
  }
  if (unit === "own") return number == null ? "?" : `${Number(number.toPrecision(4))} ${of}`.trim();
  if (unit === "bytes") return bytes(number);
  return unit === "seconds" ? seconds(number) : full ? count(number) : brief(number);
}

/** Several times an amount, or a formula that says so. */
export function multiplied(number, times) {
  if (times === 1 || number == null || number === 0) return number;
  return typeof number === "number" ? number * times : `${times} × (${number})`;
}

/** Every digit: 25,557,032. */
export function count(number) {
  if (number == null) return "?";
  return typeof number === "number" ? number.toLocaleString("en") : number;
}

/** Three digits: 25.6 M. */
export function brief(number) {
  if (typeof number !== "number") return count(number);
  const [unit, letter] = UNITS.find(([least]) => number >= least) ?? [1, ""];
  return `${Number((number / unit).toPrecision(3))} ${letter}`.trim();
}

/** Bytes in binary units: 97.5 MiB. */
export function bytes(number) {
  if (number == null) return "?";
  if (typeof number !== "number") return `${number} bytes`;
  let unit = "bytes";
  for (const larger of ["KiB", "MiB", "GiB", "TiB"]) {
    if (number < 1024) break;
    number /= 1024;
    unit = larger;
  }
  return `${Number(number.toPrecision(4)).toLocaleString("en")} ${unit}`;
}

/** A time: 1.25 ms. */
function seconds(number) {
  if (typeof number !== "number") return count(number);
  if (number === 0) return "0 s";
  const [least, unit] = [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]].find(([least]) => number >= least) ?? [1e-9, "ns"];
  return `${Number((number / least).toPrecision(3))} ${unit}`;
}

/** A receptive field: 43, or 43 × 11 where its sides differ; "?" where it is not known. */
export function extent(sizes) {
  if (sizes == null) return "?";
  return [...new Set(sizes)].length > 1 ? sizes.join(" × ") : String(sizes[0]);
}

export function plural(number, word) {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}
