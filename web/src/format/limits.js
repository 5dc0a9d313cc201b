// How large pictures may be: what the format holds, and what is decoded at most.

import { CodecError } from "./errors.js";

export const MAX_SIDE = 2 ** 16 - 1;
export const DECODED_PIXELS = 178_956_970; // the limit of the Python package, which is Pillow's
const TILE = 32;

/**
 * Returns why no file can hold a picture of this size, or null.
 * @param {number} height
 * @param {number} width
 */
export function sizeProblem(height, width) {
  if (height >= 1 && width >= 1 && height <= MAX_SIDE && width <= MAX_SIDE) return null;
  return `picture of ${height} x ${width} pixels (height x width); each side is 1 to ${MAX_SIDE}`;
}

/**
 * Refuses a picture whose whole tiles have more pixels than are decoded.
 * @param {number} height
 * @param {number} width
 */
export function refuseAbove(height, width) {
  const pixels = Math.ceil(height / TILE) * Math.ceil(width / TILE) * TILE ** 2;
  if (pixels > DECODED_PIXELS) {
    throw new CodecError(
      `picture of ${height} x ${width} pixels, ${pixels} in whole tiles, is above the limit of ${DECODED_PIXELS}; ` +
        `if you trust the file, decode it with max_pixels=${pixels} (--max-pixels ${pixels})`,
    );
  }
}
