// The steps of the browser's history: one for each thing that a reader does, with the camera as it was when it was left.

/** `address` is the text behind the page's own address, `camera` where the reader looks, `restore` goes where the address
    and a camera say. */
export function historySteps({ address, camera, restore }) {
  const none = location.protocol === "about:"; // a frame in a notebook has no address to change
  let acting = 0;
  let moving = false; // whether the last thing was one of several that are one step, like going from layer to layer

  const note = (over, left) => {
    const text = address();
    if (none || text === location.hash) return;
    const url = text || location.pathname + location.search;
    if (over) return history.replaceState(history.state, "", url);
    history.replaceState({ camera: left }, "");
    history.pushState(null, "", url);
  };

  /** Does something, whose outcome is one step; with `moves` it takes the place of another such step before it. */
  const act = async (does, moves = false) => {
    const left = { ...camera };
    acting++;
    try {
      await does();
    } finally {
      if (!--acting) note(moves && moving, left);
      moving = moves;
    }
  };

  /** Does something that is no step of its own: what it shows is what the step before shows. */
  const quietly = async (does) => {
    acting++;
    try {
      await does();
    } finally {
      if (!--acting) note(true);
    }
  };

  addEventListener("popstate", ({ state }) => quietly(() => restore(state?.camera)));
  return { act, quietly };
}
