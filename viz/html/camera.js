// Which part of the drawing is seen, and how large.

const CLOSEST = 4;
const FARTHEST = 0.02;
export const READABLE = 1; // a drawing is not made smaller than this to be seen whole, but shown from its start

export function camera(canvas, changed) {
  const view = { x: 0, y: 0, k: 1 };
  let asked = false;
  const later = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      changed(view);
    });
  };
  const move = (x, y, k = view.k) => {
    Object.assign(view, { x, y, k });
    later();
  };
  const zoom = (factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) => {
    const k = Math.min(CLOSEST, Math.max(FARTHEST, view.k * factor));
    move(x - ((x - view.x) * k) / view.k, y - ((y - view.y) * k) / view.k, k);
  };
  const pan = (dx, dy) => move(view.x + dx, view.y + dy);

  /** All of a drawing, not larger than `most`; or its start, where all of it would be smaller than `least`: that end of it
      where the data comes in, and in the middle what stands at `start`. */
  const fit = (size, direction, { least = 0, most = 1, start: first = { x: 0, y: 0, ...size } } = {}) => {
    const { clientWidth: w, clientHeight: h } = canvas;
    const whole = Math.min(most, w / size.width, h / size.height);
    const k = Math.max(whole, least, FARTHEST);
    const start = (room, length, reversed) =>
      length * k <= room ? (room - length * k) / 2 : reversed ? room - length * k : 0;
    const along = direction === "down" || direction === "up";
    const across = (room, length, middle) =>
      length * k <= room ? (room - length * k) / 2 : Math.min(0, Math.max(room - length * k, room / 2 - middle * k));
    move(
      along ? across(w, size.width, first.x + first.width / 2) : start(w, size.width, direction === "left"),
      along ? start(h, size.height, direction === "up") : across(h, size.height, first.y + first.height / 2),
      k,
    );
  };

  /** Brings a place into sight, in the middle where it was out of it. */
  const reveal = ({ x, y, width, height }, k = view.k) => {
    const { clientWidth: w, clientHeight: h } = canvas;
    const [left, top] = [x * view.k + view.x, y * view.k + view.y];
    const inside = left >= 20 && top >= 20 && left + width * k <= w - 20 && top + height * k <= h - 60;
    if (inside && k === view.k) return;
    // Of what is larger than the window, the start.
    const place = (room, from, length) => (length * k > room ? 20 - from * k : room / 2 - (from + length / 2) * k);
    move(place(w, x, width), place(h, y, height), k);
  };

  listenToPointers(canvas, { pan, zoom });
  new ResizeObserver(later).observe(canvas);
  return { view, move, zoom, pan, fit, reveal };
}

/** Dragging pans; so does the wheel, which zooms with Ctrl (as pinching does); two fingers zoom. */
function listenToPointers(canvas, { pan, zoom }) {
  const fingers = new Map();
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button === 0) fingers.set(event.pointerId, event);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const far = Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY);
    if (!canvas.classList.contains("dragged") && far < 4) return; // a click that trembles
    canvas.classList.add("dragged");
    canvas.setPointerCapture(event.pointerId);
    const other = [...fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (other) {
      const distance = (finger) => Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY);
      const { left, top } = canvas.getBoundingClientRect();
      zoom(distance(event) / distance(before), other.clientX - left, other.clientY - top);
    } else {
      pan(event.clientX - before.clientX, event.clientY - before.clientY);
    }
    fingers.set(event.pointerId, event);
  });
  const lift = (event) => {
    fingers.delete(event.pointerId);
    setTimeout(() => canvas.classList.remove("dragged")); // after the click that ends a drag, which is none
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const step = event.deltaMode === 1 ? 16 : 1; // lines or pixels
      if (event.ctrlKey || event.metaKey) {
        const { left, top } = canvas.getBoundingClientRect();
        zoom(Math.exp(-event.deltaY * step * 0.004), event.clientX - left, event.clientY - top);
      } else {
        pan(-event.deltaX * step, -event.deltaY * step);
      }
    },
    { passive: false },
  );
}
