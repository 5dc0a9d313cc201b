// The picture of a context without a generator: symbols times their steps, through the blocks, to RGB.

import { TILE } from "../prior/layout.js";
import { toPixels } from "./blocks.js";

/** @typedef {import("../prior/slices.js").Context} Context */

/**
 * Rows and columns of tiles from `top` and `left` on.
 * @typedef {{top: number, left: number, rows: number, columns: number}} Window
 */

/**
 * How coefficients are scaled. delta: the luma step, grey levels. s: the relative steps, (7, 3, 32, 32).
 * @typedef {{delta: number, s: ArrayLike<number>}} Steps
 */

/**
 * Returns the picture of some tiles, RGB by channel, row and column, around 0..255 and not clipped.
 * @param {Context} context
 * @param {Window} window
 * @param {Steps} steps
 * @param {number} size Pixels that a tile has on each side; below 32 the picture is band-limited.
 */
export function dequantise(context, window, steps, size) {
  const height = window.rows * size;
  const width = window.columns * size;
  const picture = new Float32Array(3 * height * width);
  const tile = new Float64Array(size * size);
  for (let channel = 0; channel < 3; channel++) {
    for (let r = 0; r < window.rows; r++) {
      for (let c = 0; c < window.columns; c++) {
        const shapes = shapesAt(context, channel ? 1 : 0, window.top + r, window.left + c);
        const at = (window.top + r) * context.columns + window.left + c;
        readTile(context, { channel, at, shapes }, steps, tile, size);
        toPixels(tile, size, shapes);
        const first = (channel * height + r * size) * width + c * size;
        for (let y = 0; y < size; y++) picture.set(tile.subarray(y * size, (y + 1) * size), first + y * width);
      }
    }
  }
  toRgb(picture, height * width);
  return picture;
}

/**
 * Returns the maps of shapes of some tiles, (2, 2 rows, 2 columns).
 * @param {Context} context
 * @param {Window} window
 */
export function shapesOf(context, window) {
  const shapes = new Uint8Array(8 * window.rows * window.columns);
  const wide = 2 * context.columns;
  for (let row = 0, to = 0; row < 4 * window.rows; row++, to += 2 * window.columns) {
    const map = row < 2 * window.rows ? 0 : 1;
    const from = (map * 2 * context.rows + 2 * window.top + (row % (2 * window.rows))) * wide + 2 * window.left;
    shapes.set(context.shapes.subarray(from, from + 2 * window.columns), to);
  }
  return shapes;
}

/**
 * @param {Context} context
 * @param {number} map
 * @param {number} row
 * @param {number} column
 */
function shapesAt(context, map, row, column) {
  const wide = 2 * context.columns;
  const first = (map * 2 * context.rows + 2 * row) * wide + 2 * column;
  return [first, first + 1, first + wide, first + wide + 1].map((i) => context.shapes[i]);
}

/**
 * Writes the coefficients of a tile's channel, as far as its size needs them.
 * @param {Context} context
 * @param {{channel: number, at: number, shapes: number[]}} where
 * @param {Steps} steps
 * @param {Float64Array} tile
 * @param {number} size
 */
function readTile(context, { channel, at, shapes }, { delta, s }, tile, size) {
  const tiles = context.rows * context.columns;
  for (let u = 0; u < size; u++) {
    for (let v = 0; v < size; v++) {
      const place = (channel * TILE + u) * TILE + v;
      const symbol = context.symbols[place * tiles + at];
      const shape = shapes[2 * (u & 1) + (v & 1)];
      tile[u * size + v] = symbol && symbol * delta * s[shape * 3 * TILE * TILE + place];
    }
  }
}

/**
 * Turns JFIF's YCbCr, less 128 in luma, into RGB in place.
 * @param {Float32Array} picture
 * @param {number} n Pixels.
 */
function toRgb(picture, n) {
  for (let i = 0; i < n; i++) {
    const y = picture[i] + 128;
    const [cb, cr] = [picture[n + i], picture[2 * n + i]];
    picture[i] = y + 1.402 * cr;
    picture[n + i] = y - 0.344136286201022 * cb - 0.714136286201022 * cr;
    picture[2 * n + i] = y + 1.772 * cb;
  }
}
