// The symbols of a slice while they are decoded: where they lie, and what the walk reads of them.

import { N_PLACES, TILE } from "./layout.js";

/**
 * A slice is coded as a picture of its own. grey: nothing is coded of chroma. first: it is the picture's first slice.
 * @typedef {{rows: number, columns: number, stepIndex: number, grey: boolean, first: boolean}} Frame
 */

/** A slice has symbols, int16 by flat place (channel, u, v) and tile, and maps of shapes, (2, 2 rows, 2 columns). */
export class Slice {
  /**
   * @param {Frame} frame
   * @param {Uint8Array} shapes
   */
  constructor(frame, shapes) {
    this.frame = frame;
    this.shapes = shapes;
    this.tiles = frame.rows * frame.columns;
    this.symbols = new Int16Array(N_PLACES * this.tiles);
  }

  /**
   * The DCs of a channel by tile, a view.
   * @param {number} channel
   */
  dc(channel) {
    const from = channel * TILE * TILE * this.tiles;
    return this.symbols.subarray(from, from + this.tiles);
  }

  /**
   * Returns the symbols at some places, by tile.
   * @param {ArrayLike<number>} places
   */
  take(places) {
    const n = places.length;
    const values = new Int16Array(n * this.tiles);
    for (let i = 0; i < n; i++) {
      const from = places[i] * this.tiles;
      for (let tile = 0, to = i; tile < this.tiles; tile++, to += n) values[to] = this.symbols[from + tile];
    }
    return values;
  }

  /**
   * The shape of a tile's first quadrant.
   * @param {number} map 0 for luma's, 1 for chroma's.
   * @param {number} tile
   */
  shapeOf(map, tile) {
    const { rows, columns } = this.frame;
    const row = 2 * (rows * map + Math.floor(tile / columns));
    return this.shapes[row * 2 * columns + 2 * (tile % columns)];
  }

  /**
   * Writes the symbols at some places in the 3 x 3 tiles around one; the grid is continued by its edges.
   * @param {number[]} places
   * @param {number} tile
   * @param {Int32Array} out 9 for each place, row by row.
   */
  surroundings(places, tile, out) {
    const near = neighbours(this.frame, tile);
    let at = 0;
    for (const place of places) {
      const from = place * this.tiles;
      for (const other of near) out[at++] = this.symbols[from + other];
    }
  }
}

/**
 * Returns the 3 x 3 tiles around one, row by row; the grid is continued by its edges.
 * @param {{rows: number, columns: number}} grid
 * @param {number} tile
 */
export function neighbours({ rows, columns }, tile) {
  const [row, column] = [Math.floor(tile / columns), tile % columns];
  const near = [];
  for (let r = row - 1; r <= row + 1; r++) {
    const start = Math.max(0, Math.min(rows - 1, r)) * columns;
    for (let c = column - 1; c <= column + 1; c++) near.push(start + Math.max(0, Math.min(columns - 1, c)));
  }
  return near;
}
