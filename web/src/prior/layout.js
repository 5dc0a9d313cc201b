// The order in which the context is coded: steps with their places, and the phases of the DCs.
// docs/FORMAT.md, "Levels and steps".

export const TILE = 32;
export const N_PLACES = 3 * TILE * TILE; // coefficients of a tile
export const MAX_LINEAR_LEVEL = 3; // levels 1..3 are linearly predicted
const BASE_STRIDE = 16; // tiles between the DCs that are coded without neighbours
const SPLIT_FROM = 4; // bands of Y of this level and finer ones come in halves

/**
 * Coefficients of one channel: u from u0 on, v from v0 on, n of each.
 * @typedef {{channel: number, u0: number, v0: number, n: number}} Band
 */

/**
 * The coefficients that one pass of the network codes. places: flat (channel, u, v). half: 0 or 1 for the places of its
 * only band with even or odd u + v, null for all. map: 0 for that of Y's shapes, 1 for that of chroma's.
 * @typedef {{name: string, level: number, bands: Band[], half: number | null, places: Int32Array, map: number}} Step
 */

/**
 * DCs that are decoded together. at: N flat indices of tiles. near: 12 N, of neighbours that are known.
 * @typedef {{kind: "diagonal" | "cross", scaleClass: number, at: Int32Array, near: Int32Array}} Phase
 */

/** @type {Step[]} */
export const STEPS = makeSteps();

function makeSteps() {
  const steps = [];
  for (let level = 1; level <= 5; level++) {
    const n = 1 << (level - 1);
    const corners = /** @type {[string, number, number][]} */ ([["h", 0, n], ["v", n, 0], ["d", n, n]]);
    for (const [letter, u0, v0] of corners) {
      const bands = [{ channel: 0, u0, v0, n }];
      const name = `${2 * n}y${letter}`;
      if (level < SPLIT_FROM) steps.push(makeStep(name, level, bands, null));
      else steps.push(makeStep(`${name}0`, level, bands, 0), makeStep(`${name}1`, level, bands, 1));
    }
    const chroma = [1, 2].flatMap((channel) => corners.map(([, u0, v0]) => ({ channel, u0, v0, n })));
    steps.push(makeStep(`${2 * n}c`, level, chroma, null));
  }
  return steps;
}

/**
 * @param {string} name
 * @param {number} level
 * @param {Band[]} bands
 * @param {number | null} half
 * @returns {Step}
 */
function makeStep(name, level, bands, half) {
  const places = bands.flatMap((band) => placesOf(band).filter((p) => half === null || ((p >> 5) + p) % 2 === half));
  return { name, level, bands, half, places: Int32Array.from(places), map: bands[0].channel ? 1 : 0 };
}

/**
 * Returns the flat places of a band, by (u, v).
 * @param {Band} band
 */
export function placesOf({ channel, u0, v0, n }) {
  const places = [];
  for (let u = u0; u < u0 + n; u++) {
    for (let v = v0; v < v0 + n; v++) places.push((channel * TILE + u) * TILE + v);
  }
  return places;
}

/**
 * Returns the flat places that the linear prediction of a band of a step looks at: coarser coefficients of its channel,
 * then the bands of Y that precede it in its level.
 * @param {Step} step
 * @param {Band} band
 */
export function linearInputs(step, band) {
  const places = placesOf({ channel: band.channel, u0: 0, v0: 0, n: band.n });
  if (band.channel) return places;
  const before = STEPS.slice(0, STEPS.indexOf(step)).filter((other) => other.level === step.level);
  return [...places, ...before.flatMap((other) => placesOf(other.bands[0]))];
}

/** @type {Record<"diagonal" | "cross", [number, number][]>} Neighbours of an unknown DC, in strides (rows, columns). */
const NEAR = {
  diagonal: [
    [-1, -1], [-1, 1], [1, -1], [1, 1], [-1, -3], [-1, 3], [1, -3], [1, 3], [-3, -1], [-3, 1], [3, -1], [3, 1],
  ],
  cross: [
    [-1, 0], [0, -1], [0, 1], [1, 0], [-1, -2], [-1, 2], [1, -2], [1, 2], [-2, -1], [-2, 1], [2, -1], [2, 1],
  ],
};

/**
 * Returns the flat indices of the tiles whose DCs are coded first.
 * @param {number} rows
 * @param {number} columns
 */
export function dcBase(rows, columns) {
  const at = [];
  for (let r = 0; r < rows; r += BASE_STRIDE) {
    for (let c = 0; c < columns; c += BASE_STRIDE) at.push(r * columns + c);
  }
  return Int32Array.from(at);
}

/**
 * Returns the phases that fill in the other DCs, without empty ones.
 * @param {number} rows
 * @param {number} columns
 * @returns {Phase[]}
 */
export function dcPhases(rows, columns) {
  const phases = [];
  for (let t = BASE_STRIDE / 2; t >= 1; t /= 2) {
    for (const kind of /** @type {const} */ (["diagonal", "cross"])) {
      const phase = makePhase(kind, t, rows, columns);
      if (phase.at.length) phases.push(phase);
    }
  }
  return phases;
}

/**
 * @param {"diagonal" | "cross"} kind
 * @param {number} t
 * @param {number} rows
 * @param {number} columns
 * @returns {Phase}
 */
function makePhase(kind, t, rows, columns) {
  const at = [];
  const near = [];
  for (let r = 0; r < rows; r += t) {
    for (let c = 0; c < columns; c += t) {
      const odd = ((r / t) & 1) + ((c / t) & 1);
      if (odd !== (kind === "diagonal" ? 2 : 1)) continue;
      at.push(r * columns + c);
      const anchor = anchorOf(kind, t, r, c);
      for (const [dr, dc] of NEAR[kind]) {
        const [nr, nc] = [r + dr * t, c + dc * t];
        const inside = nr >= 0 && nr < rows && nc >= 0 && nc < columns;
        near.push(inside ? nr * columns + nc : anchor[0] * columns + anchor[1]);
      }
    }
  }
  return { kind, scaleClass: Math.min(Math.log2(t), 2), at: Int32Array.from(at), near: Int32Array.from(near) };
}

/**
 * Returns the tile (row, column) that stands for neighbours outside the grid.
 * @param {"diagonal" | "cross"} kind
 * @param {number} t
 * @param {number} r
 * @param {number} c
 */
function anchorOf(kind, t, r, c) {
  if (kind === "diagonal") return [r - t, c - t];
  return (c / t) & 1 ? [r, c - t] : [r - t, c];
}
