// What a reader goes through who wants to see every difference between two networks, and once only.

import { isGroup, within } from "./model.js";

/** Layers that changed, and the outermost of what only one network has, in the order of the layers; of equal blocks that
    are folded, those of the first. */
export function differences(group, unfolded) {
  return within(group, unfolded).flatMap((item) => {
    if (item.status === "same" || item.status === "follows") return [];
    return isGroup(item) && item.status === "changed" ? differences(item, unfolded) : [item];
  });
}
